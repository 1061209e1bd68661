//! The one binary, `petition-gateway`: the gateway itself and the operator's command line.

mod cli;

fn main() -> std::process::ExitCode {
    petition_gateway::telemetry::tell_panics_without_payload();
    cli::run()
}
