//! A small disk of its own, in memory, that can be filled.

use std::{fs, io::ErrorKind, io::Write, path::Path, process::Command};

use tempfile::TempDir;

/// A disk, gone with the test.
pub(super) struct Disk {
    place: TempDir,
}

impl Disk {
    /// A disk of so many MiB.
    pub(super) fn mount(mib: u32) -> Disk {
        let place = tempfile::tempdir().unwrap();
        let size = format!("size={mib}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place.path()).output();
        let mount = mount.expect("these tests need `mount`");
        let said = String::from_utf8_lossy(&mount.stderr);
        assert!(mount.status.success(), "this machine lets nobody mount a disk that can be filled: {said}");
        Disk { place }
    }

    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes all the room there is.
    pub(super) fn fill(&self) {
        let mut file = fs::File::create(self.place.path().join("filler")).unwrap();
        for size in [1 << 20, 4_096] {
            let piece = vec![0; size];
            loop {
                match file.write_all(&piece) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    /// Gives it back.
    pub(super) fn clear(&self) {
        fs::remove_file(self.place.path().join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a gateway that has just been killed may still hold a file.
        drop(Command::new("umount").arg("-l").arg(self.place.path()).status());
    }
}
