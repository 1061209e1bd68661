//! `[security]`: who may do what over gRPC, and how a client certificate is matched.

use super::{problem::nearest, reader::Section};
use crate::security::{CertificateMatcher, Principal, Principals, Role, Roles};

pub(super) fn read(mut section: Section<'_>) -> Principals {
    let mut principals: Vec<(CertificateMatcher, Principal)> = Vec::new();
    for mut entry in section.tables("principals") {
        let name = entry.text("name");
        if principals.iter().any(|(_, other)| other.name == name) {
            entry.fault("name", "stands for another principal already");
        }
        let roles = read_roles(&mut entry);
        let matcher = read_matcher(entry.table("certificate"));
        entry.finish();
        if let Some(matcher) = matcher {
            if principals.iter().any(|(other, _)| *other == matcher) {
                section.fault("principals", format!("two principals have the same certificate: one is `{name}`"));
            }
            principals.push((matcher, Principal { name, roles }));
        }
    }
    let mut loopback = section.table("loopback");
    let loopback_roles = read_roles(&mut loopback);
    loopback.finish();
    section.finish();
    Principals::new(principals, loopback_roles)
}

/// The roles at `roles`.
fn read_roles(section: &mut Section<'_>) -> Roles {
    let mut roles = Roles::default();
    if !section.has("roles") {
        section.missing::<()>("roles");
    }
    for (name, place) in section.texts("roles") {
        match Role::parse(&name) {
            Some(role) => roles.add(role),
            None => {
                let hint =
                    nearest(&name, Role::NAMES).map(|it| format!("; did you mean \"{it}\"?")).unwrap_or_default();
                section.push(place.problem(format!("must be of {}{hint}", Role::NAMES.join(", "))));
            }
        }
    }
    roles
}

/// How a client certificate is told: exactly one of the four keys.
pub(super) fn read_matcher(mut section: Section<'_>) -> Option<CertificateMatcher> {
    const KEYS: [&str; 4] = ["subject_cn", "san_uri", "san_dns", "sha256"];
    let given: Vec<&str> = KEYS.into_iter().filter(|key| section.has(key)).collect();
    let matcher = match given.as_slice() {
        [key] => section.text_maybe(key).and_then(|text| {
            let matcher = CertificateMatcher::of(key, &text);
            if matcher.is_none() {
                section.fault(key, "must not be empty; a sha256 is 64 hex digits, colons allowed");
            }
            matcher
        }),
        _ => {
            let place = section.place("");
            section.push(place.problem(format!("must have exactly one of {}", KEYS.join(", "))));
            None
        }
    };
    section.finish();
    matcher
}
