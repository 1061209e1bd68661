//! What to try while the demonstration stays up: addresses, certificates, and calls that can be pasted as they are.

use petition_gateway::demo::{
    Demo,
    certificates::{AUTHORITY, CLIENTS},
};
use serde_json::json;

use crate::cli::{failure::Failure, output::Output, words::said};

/// Tells it.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn tell(demo: &Demo, output: Output) -> Result<(), Failure> {
    let addresses = demo.addresses();
    let path = |file: &str| demo.certificates().path(file).display().to_string();
    if output.json {
        let far_sides =
            addresses.far_sides.iter().map(|(name, at)| ((*name).to_owned(), json!(format!("http://{at}"))));
        return output.record(&json!({
            "grpc": format!("https://localhost:{}", addresses.grpc.port()),
            "http": format!("https://localhost:{}", addresses.http.port()),
            "far_sides": far_sides.collect::<serde_json::Map<_, _>>(),
            "folder": demo.folder().display().to_string(),
            "ca": path(AUTHORITY),
        }));
    }
    let (grpc, http, folder) = (addresses.grpc.port(), addresses.http.port(), demo.folder().display());
    output.line("")?;
    output.say(&said!("Tất cả vẫn chạy; Ctrl-C để dừng.", "All of it stays up; Ctrl-C ends it."))?;
    output.line(&format!("  gRPC       https://localhost:{grpc}"))?;
    output.line(&format!("  push       https://localhost:{http}/channels/<kênh>"))?;
    for (channel, at) in &addresses.far_sides {
        output.line(&format!("  {channel:<10} http://{at}"))?;
    }
    output.line(&format!("  gateway.toml, data: {folder}"))?;
    let names: Vec<&str> = CLIENTS.iter().map(|(name, ..)| *name).collect();
    output.line(&format!("  CA {}; {} (.pem, .key)", path(AUTHORITY), names.join(", ")))?;
    output.line("")?;
    calls(demo, grpc).iter().try_for_each(|call| output.line(call))
}

/// Each as one would type it.
fn calls(demo: &Demo, port: u16) -> Vec<String> {
    let path = |file: &str| quoted(&demo.certificates().path(file).display().to_string());
    let (ca, service) = (path(AUTHORITY), "petition.gateway.v1.PetitionService");
    let (certificate, key) = (path("ministry.pem"), path("ministry.key"));
    let (operator, operator_key) = (path("operator.pem"), path("operator.key"));
    // As it was called, so that it is found again.
    let program = std::env::args().next().map_or_else(|| "petition-gateway".to_owned(), |it| quoted(&it));
    let connection = format!(
        "export PETITION_GATEWAY_ADDRESS=https://localhost:{port} PETITION_GATEWAY_CA={ca} \\\n    \
         PETITION_GATEWAY_CERTIFICATE={operator} PETITION_GATEWAY_KEY={operator_key}"
    );
    let filter = r#"'{"filter": "status = closed", "page_size": 3}'"#;
    vec![
        format!(
            "buf curl --protocol grpc --cacert {ca} --cert {certificate} --key {key} \\\n    \
             -d {filter} https://localhost:{port}/{service}/ListPetitions\n"
        ),
        format!(
            "grpcurl -cacert {ca} -cert {certificate} -key {key} \\\n    \
             -d {filter} localhost:{port} {service}/ListPetitions\n"
        ),
        connection,
        format!("{program} channel list"),
        format!("{program} petition list --status closed"),
        format!("{program} quarantine list"),
        format!("{program} delivery list"),
    ]
}

/// Ready for a shell, whatever the folder is called.
fn quoted(path: &str) -> String {
    let plain = path.bytes().all(|it| it.is_ascii_alphanumeric() || b"/._-+:".contains(&it));
    if plain { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_stumble() {
        assert_eq!(quoted("/tmp/demo-1/ca.pem"), "/tmp/demo-1/ca.pem");
        assert_eq!(quoted("/tmp/thư mục/ca.pem"), "'/tmp/thư mục/ca.pem'");
        assert_eq!(quoted("/tmp/it's"), r"'/tmp/it'\''s'");
    }
}
