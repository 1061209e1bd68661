//! Files that a section names, and the secrets in them: they never stand in the configuration itself.

use std::path::PathBuf;

use secrecy::SecretString;

use super::Section;

/// A secret longer than this is a wrong file.
const SECRET_BYTES_MAX: usize = 16 * 1024;

impl Section<'_> {
    /// The path of a file that must be readable now.
    pub(crate) fn file_maybe(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path_maybe(key)?;
        if let Err(error) = std::fs::File::open(&path).and_then(|file| file.metadata()).and_then(is_file) {
            self.fault(key, format!("cannot read {}: {}", path.display(), error.kind()));
        }
        Some(path)
    }

    /// The path of a file that must be named, and readable now.
    pub(crate) fn file(&mut self, key: &str) -> PathBuf {
        if !self.has(key) {
            self.missing::<()>(key);
        }
        self.file_maybe(key).unwrap_or_default()
    }

    /// A secret from the file that `<key>_file` names or the variable that `<key>_env` names; never from here.
    pub(crate) fn secret_maybe(&mut self, key: &str) -> Option<SecretString> {
        let (file_key, env_key) = (format!("{key}_file"), format!("{key}_env"));
        match (self.has(&file_key), self.has(&env_key)) {
            (false, false) => None,
            (true, true) => {
                self.fault(&env_key, format!("stands beside {file_key}: name one of them"));
                None
            }
            (true, false) => {
                let path = self.file_maybe(&file_key)?;
                let text = match crate::config::read_bounded(&path) {
                    Ok(text) => text,
                    Err(message) => {
                        // That it cannot be opened was said by `file_maybe`.
                        if path.is_file() {
                            self.fault(&file_key, format!("{} {message}", path.display()));
                        }
                        return None;
                    }
                };
                self.secret_of(&file_key, text.trim_end_matches(['\r', '\n']))
            }
            (false, true) => {
                let variable = self.text_maybe(&env_key)?;
                match self.environment.get(&variable) {
                    Some(value) => {
                        let value = value.to_owned();
                        self.secret_of(&env_key, &value)
                    }
                    None => {
                        self.fault(&env_key, format!("the environment variable {variable} is not set"));
                        None
                    }
                }
            }
        }
    }

    /// A secret that must be there.
    pub(crate) fn secret(&mut self, key: &str) -> SecretString {
        if !self.has(&format!("{key}_file")) && !self.has(&format!("{key}_env")) {
            self.problems
                .push(self.place(key).problem(format!("name a file in {key}_file or a variable in {key}_env")));
        }
        self.secret_maybe(key).unwrap_or_default()
    }

    fn secret_of(&mut self, key: &str, text: &str) -> Option<SecretString> {
        if text.trim().is_empty() || text.len() > SECRET_BYTES_MAX {
            self.fault(key, format!("the secret is empty or longer than {SECRET_BYTES_MAX} bytes"));
            return None;
        }
        Some(SecretString::from(text))
    }
}

fn is_file(metadata: std::fs::Metadata) -> std::io::Result<()> {
    if metadata.is_file() { Ok(()) } else { Err(std::io::ErrorKind::IsADirectory.into()) }
}
