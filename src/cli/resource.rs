//! Resource names of the contract, as operators type them: whole, or without the parts that go without saying.

/// `petitions/{petition}` for `{petition}`.
pub(crate) fn petition(typed: &str) -> String {
    with_prefix("petitions/", typed)
}

/// `channels/{channel}` for `{channel}`.
pub(crate) fn channel(typed: &str) -> String {
    with_prefix("channels/", typed)
}

/// `channels/{channel}`, or `channels/-` for all.
pub(crate) fn channel_or_all(typed: Option<&str>) -> String {
    channel(typed.unwrap_or("-"))
}

/// `channels/{channel}/deliveries/{delivery}` for `{channel}/{delivery}`.
pub(crate) fn delivery(typed: &str) -> String {
    below_channel("deliveries", typed)
}

/// `channels/{channel}/quarantine/{message}` for `{channel}/{message}`.
pub(crate) fn quarantined(typed: &str) -> String {
    below_channel("quarantine", typed)
}

/// `channels/{channel}/differences/{difference}` for `{channel}/{difference}`.
pub(crate) fn difference(typed: &str) -> String {
    below_channel("differences", typed)
}

/// `petitions/{petition}/attachments/{sha256}` for `{petition}/{sha256}`.
pub(crate) fn attachment(typed: &str) -> String {
    let bare = typed.strip_prefix("petitions/").unwrap_or(typed);
    match bare.split_once('/') {
        Some((petition, rest)) if !rest.contains('/') => format!("petitions/{petition}/attachments/{rest}"),
        _ => format!("petitions/{bare}"),
    }
}

/// A name as it is typed at its shortest; what is no name stays as it is.
pub(crate) fn short(name: &str) -> String {
    let bare = name.strip_prefix("petitions/").or_else(|| name.strip_prefix("channels/")).unwrap_or(name);
    ["/deliveries/", "/quarantine/", "/differences/", "/attachments/"]
        .iter()
        .fold(bare.to_owned(), |text, part| text.replace(part, "/"))
}

fn with_prefix(prefix: &str, typed: &str) -> String {
    if typed.starts_with(prefix) { typed.to_owned() } else { format!("{prefix}{typed}") }
}

fn below_channel(collection: &str, typed: &str) -> String {
    let bare = typed.strip_prefix("channels/").unwrap_or(typed);
    match bare.split_once('/') {
        Some((channel, rest)) if !rest.contains('/') => format!("channels/{channel}/{collection}/{rest}"),
        _ => format!("channels/{bare}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_typed_whole_or_short() {
        assert_eq!(petition("a1"), "petitions/a1");
        assert_eq!(petition("petitions/a1"), "petitions/a1");
        assert_eq!(channel_or_all(None), "channels/-");
        for typed in ["portal/d1", "channels/portal/deliveries/d1"] {
            assert_eq!(delivery(typed), "channels/portal/deliveries/d1");
        }
        assert_eq!(quarantined("portal/m.0"), "channels/portal/quarantine/m.0");
        for name in
            ["petitions/a1", "channels/portal", "channels/portal/deliveries/d1", "channels/portal/quarantine/7.0"]
        {
            let typed = short(name);
            let whole = [petition(&typed), channel(&typed), delivery(&typed), quarantined(&typed)];
            assert!(typed.len() < name.len() && whole.iter().any(|it| it == name), "{typed}");
        }
        for typed in ["p/00ff", "petitions/p/attachments/00ff"] {
            assert_eq!(attachment(typed), "petitions/p/attachments/00ff");
        }
    }
}
