//! Where a store is: named by a configuration, or by a url.

use std::{convert::Infallible, path::Path, str::FromStr};

use petition_gateway::config::{self, ConfigError};

use crate::cli::{
    check_config::{self, ConfigFile},
    failure::{Exit, Failure},
    output::Output,
    words::said,
};

/// What names a store on the command line.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// The store of this configuration.
    Config(String),
    /// The store of this url; everything else is as it is by default.
    Url(String),
}

impl FromStr for Place {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Place, Infallible> {
        let is_url = text.starts_with("sqlite:") || text.contains("://");
        Ok(if is_url { Place::Url(text.to_owned()) } else { Place::Config(text.to_owned()) })
    }
}

impl Place {
    /// The store; `option` is how the place was named.
    ///
    /// # Errors
    /// What is wrong with the configuration or the url.
    pub(super) fn store(&self, option: &str, output: Output) -> Result<config::Store, Failure> {
        match self {
            Place::Config(path) => {
                let path = Path::new(path);
                std::fs::metadata(path).map_err(Failure::file(path))?;
                ConfigFile::at(path).load().map(|config| config.store).or_else(|problems| {
                    check_config::tell(&problems, output)?;
                    Err(Failure::Told(Exit::Config))
                })
            }
            // The url is not repeated: it may hold a password all the same.
            Place::Url(url) => config::store_of_url(url).map_err(|ConfigError(problems)| {
                let wrong: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
                let wrong = wrong.join("; ");
                Failure::Usage(said!(
                    "địa chỉ ở {option} sai ({wrong}); mật khẩu chỉ đặt trong tệp cấu hình: {option} TỆP",
                    "the url of {option} {wrong}; what needs a password is named by its configuration: {option} FILE"
                ))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(text: &str) -> Result<config::Store, Failure> {
        let output = Output { json: false, lang: crate::cli::words::Lang::En };
        text.parse::<Place>().unwrap().store("--to", output)
    }

    #[test]
    fn a_url_names_a_file_below_the_working_folder_or_a_database() {
        for (url, path) in [("sqlite:data/x.db", "data/x.db"), ("sqlite:///srv/x.db", "/srv/x.db")] {
            let config::Store::Sqlite { file } = store(url).unwrap() else { panic!("{url}") };
            assert_eq!(file, Path::new(path));
        }
        let config::Store::Postgres(settings) = store("postgres://gateway@db.example.vn/petitions").unwrap() else {
            panic!("not PostgreSQL")
        };
        assert_eq!(settings.to_string(), "postgres://db.example.vn:5432/petitions");
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        for url in ["postgres://gateway:b1-mat@localhost/petitions", "postgres://localhost", "oracle://x", "sqlite:"] {
            let failure = store(url).err().unwrap();
            assert_eq!(failure.exit(), Exit::Usage, "{url}");
            assert!(!format!("{failure:?}").contains("b1-mat"));
        }
    }
}
