//! Compiles the public contract in `proto/` to Rust, without a `protoc` on the machine.
//!
//! Writes three files to `OUT_DIR`, all included by `src/pb.rs`: the generated code, the descriptor set that server
//! reflection serves, and `Debug` for the messages with personal data. prost would print every field, and a
//! `{request:?}` in some log line would be a leak; what the contract marks `debug_redact` is left out instead.

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use protox::prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, Value};

const ROOT: &str = "proto";
const PACKAGE: &str = "petition.gateway.v1";
const FOLDER: &str = "proto/petition/gateway/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={ROOT}");
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut compiler = protox::Compiler::new([ROOT])?;
    compiler.include_imports(true).include_source_info(true).open_files(files()?)?;
    fs::write(out.join("petition_gateway_descriptor.bin"), compiler.encode_file_descriptor_set())?;

    let pool = compiler.descriptor_pool();
    let private = pool
        .all_messages()
        .filter(|message| message.package_name() == PACKAGE && message.fields().any(|field| is_redacted(&field)))
        .collect::<Vec<_>>();
    fs::write(out.join("petition_gateway_debug.rs"), private.iter().map(debug_of).collect::<String>())?;

    tonic_prost_build::configure()
        .bytes(".")
        // In the order of their keys: a request sent again must have the fingerprint that it had.
        .btree_map(".")
        .skip_debug(private.iter().map(|message| format!(".{}", message.full_name())))
        // The source comments are documentation of a contract, and full of what rustdoc would take for code or links.
        .disable_comments(["."])
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The contract's files in the order of their names, below `proto/`.
fn files() -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(FOLDER)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path.strip_prefix(Path::new(ROOT)).expect("FOLDER lies below ROOT").to_owned());
        }
    }
    files.sort();
    Ok(files)
}

/// Whether the contract says that the field stays out of debug output.
fn is_redacted(field: &FieldDescriptor) -> bool {
    field.options().get_field_by_name("debug_redact").is_some_and(|value| *value == Value::Bool(true))
}

/// `impl Debug` for a message, and for its oneofs: the fields that may be seen, then `..`. A oneof with a redacted
/// member is left out whole.
fn debug_of(message: &MessageDescriptor) -> String {
    let mut out = String::new();
    let name = message.name();
    let write = &mut out;
    let head = |of: &str| {
        format!(
            "impl ::core::fmt::Debug for {of} {{\nfn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {{\n"
        )
    };
    *write += &head(name);
    *write += &format!("f.debug_struct({name:?})");
    for field in message.fields().filter(|field| !is_redacted(field) && !is_in_oneof(field)) {
        let field_name = field.name();
        let call = if matches!(field.kind(), Kind::Enum(_)) && !field.is_list() { "()" } else { "" };
        writeln!(write, ".field({field_name:?}, &self.{field_name}{call})").expect("writing to a String cannot fail");
    }
    *write += ".finish_non_exhaustive()\n}\n}\n";
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        *write += &head(&format!("{}::{}", snake(name), camel(oneof.name())));
        *write += "f.write_str(\"[redacted]\")\n}\n}\n";
    }
    out
}

/// Whether the field is a member of a oneof that was written as one (`optional` makes others).
fn is_in_oneof(field: &FieldDescriptor) -> bool {
    field.containing_oneof().is_some_and(|oneof| !oneof.is_synthetic())
}

/// `UploadAttachmentRequest` as `upload_attachment_request`, the module of its oneofs.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// `some_part` as `SomePart`.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }).collect::<String>()
        })
        .collect()
}
