//! Principals and their roles: who may call at all. Deny by default: an unknown certificate is nobody.

use std::{collections::BTreeSet, sync::Arc};

use super::identity::{CertificateMatcher, Peer};

/// What a principal may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Works on petitions.
    MinistrySystem,
    /// Works on channels, deliveries and quarantine.
    Operator,
    /// Looks, and changes nothing.
    Reader,
}

/// A set of roles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles(BTreeSet<Role>);

/// Somebody who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name, recorded with every change it makes.
    pub name: String,
    /// What it may be.
    pub roles: Roles,
}

/// Everybody who may call.
#[derive(Debug, Clone, Default)]
pub struct Principals {
    known: Vec<(CertificateMatcher, Arc<Principal>)>,
    loopback: Option<Arc<Principal>>,
}

impl Role {
    /// The words of the configuration, in the order of the roles.
    pub const NAMES: [&'static str; 3] = ["ministry_system", "operator", "reader"];

    /// The role of a word.
    pub fn parse(word: &str) -> Option<Role> {
        [Role::MinistrySystem, Role::Operator, Role::Reader].into_iter().find(|role| role.as_str() == word)
    }

    /// The word of the role.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::MinistrySystem => "ministry_system",
            Role::Operator => "operator",
            Role::Reader => "reader",
        }
    }
}

impl Roles {
    /// A set of these roles.
    pub fn of(roles: &[Role]) -> Roles {
        Roles(roles.iter().copied().collect())
    }

    /// Adds one.
    pub fn add(&mut self, role: Role) {
        self.0.insert(role);
    }

    /// Whether the role is among them.
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Principals {
    /// The principals, and the roles of everybody who connects in plain text on loopback.
    pub fn new(known: Vec<(CertificateMatcher, Principal)>, loopback: Roles) -> Principals {
        let known = known.into_iter().map(|(matcher, principal)| (matcher, Arc::new(principal))).collect();
        let loopback = Principal { name: "loopback".to_owned(), roles: loopback };
        Principals { known, loopback: (!loopback.roles.is_empty()).then(|| Arc::new(loopback)) }
    }

    /// Who the peer is; `None` for nobody we know.
    pub fn recognise(&self, peer: &Peer) -> Option<Arc<Principal>> {
        match peer {
            Peer::Certificate(identity) => {
                self.known.iter().find(|(matcher, _)| matcher.matches(identity)).map(|(_, it)| Arc::clone(it))
            }
            Peer::Loopback => self.loopback.clone(),
            Peer::NoCertificate => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Identity;

    #[test]
    fn nobody_is_let_in_by_default() {
        let nobody = Principals::new(Vec::new(), Roles::default());
        let stranger = Identity { subject_cn: vec!["somebody".to_owned()], ..Identity::default() };
        for peer in [Peer::Loopback, Peer::NoCertificate, Peer::Certificate(Arc::new(stranger))] {
            assert_eq!(nobody.recognise(&peer), None);
        }
    }

    #[test]
    fn a_known_certificate_has_its_roles_and_no_others() {
        let clerk = Principal { name: "case".to_owned(), roles: Roles::of(&[Role::MinistrySystem]) };
        let known = vec![(CertificateMatcher::SubjectCn("case-system".to_owned()), clerk)];
        let principals = Principals::new(known, Roles::of(&[Role::Reader]));
        let holder = Identity { subject_cn: vec!["case-system".to_owned()], ..Identity::default() };
        let found = principals.recognise(&Peer::Certificate(Arc::new(holder))).unwrap();
        assert_eq!(found.name, "case");
        assert!(found.roles.contains(Role::MinistrySystem) && !found.roles.contains(Role::Operator));
        assert!(principals.recognise(&Peer::Loopback).unwrap().roles.contains(Role::Reader));
        assert_eq!(principals.recognise(&Peer::NoCertificate), None);
    }
}
