//! The public contract, tried by a real client over a real socket on a real store; the far side alone is made of paper.

mod decisions;
mod dossier;
mod entrance;
mod files;
mod import;
mod lists;
mod operators;
mod overload;
mod paper;
mod reprocess;
mod said;
mod served;
mod stop;
mod submit;
mod watch;
