//! `completion <shell>`: what a shell needs to complete our commands, for
//! `petition-gateway completion bash > /etc/bash_completion.d/petition-gateway`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, failure::Failure, output::Output};

/// The shell to complete for.
#[derive(Debug, Args)]
pub(crate) struct Completion {
    /// The shell
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self, output: Output) -> Result<(), Failure> {
        let mut command = Cli::command();
        let name = command.get_name().to_owned();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        output.bytes(&script)
    }
}
