//! The child that decodes an image: it gives up all that it can do but compute, and then reads.
//!
//! In this order: limits of memory, processor time and files (`setrlimit`), no access to any path (landlock; where the kernel
//! has none, seccomp alone forbids opening), no system calls but those for memory, reading, writing and ending (seccomp). If
//! one of them cannot be had the child ends before it reads a byte.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _, Write as _},
    process::ExitCode,
};

use image::{ImageReader, Limits};
use landlock::{ABI, Access as _, AccessFs, Ruleset, RulesetAttr as _};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::{MOST_BYTES, SIDE, Thumbnail};

/// Address space of the child, in bytes.
const MEMORY: u64 = 768 * 1024 * 1024;
/// What decoding an image may allocate, in bytes.
const DECODED: u64 = 256 * 1024 * 1024;
/// An image's greatest width and height, in pixels.
const SOURCE_SIDE: u32 = 16_384;
/// Seconds of processor time.
const SECONDS: u64 = 4;

/// What it may still ask of the kernel.
const CALLS: [i64; 22] = [
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Confines this process, reads an image from standard input and writes its thumbnail to standard output. A test may ask for
/// a thing that is forbidden, in place of the image.
#[must_use]
pub fn run() -> ExitCode {
    match confine().and_then(|()| work()) {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::FAILURE,
    }
}

/// Gives up what decoding does not need.
fn confine() -> Option<()> {
    let limit = |resource, most| {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).ok()
    };
    limit(Resource::As, MEMORY)?;
    limit(Resource::Cpu, SECONDS)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Nproc, 0)?;
    let nothing = Ruleset::default().handle_access(AccessFs::from_all(ABI::V5)).ok()?.create().ok()?;
    nothing.restrict_self().ok()?;
    let rules: BTreeMap<i64, Vec<_>> = CALLS.into_iter().map(|call| (call, Vec::new())).collect();
    let arch = std::env::consts::ARCH.try_into().ok()?;
    let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch).ok()?;
    let program: BpfProgram = filter.try_into().ok()?;
    seccompiler::apply_filter(&program).ok()
}

fn work() -> Option<()> {
    let mut image = Vec::new();
    std::io::stdin().lock().take(MOST_BYTES).read_to_end(&mut image).ok()?;
    // For tests of the confinement: what an image that has taken over the decoder would try.
    match image.as_slice() {
        b"open" => return std::fs::File::open("/etc/passwd").ok().map(|_| ()),
        b"connect" => return std::net::TcpStream::connect("127.0.0.1:1").ok().map(|_| ()),
        b"run" => return std::process::Command::new("/bin/true").spawn().ok().map(|_| ()),
        _ => {}
    }
    let made = make(image)?;
    std::io::stdout().lock().write_all(&made.bytes()).ok()
}

fn make(image: Vec<u8>) -> Option<Thumbnail> {
    let mut reader = ImageReader::new(Cursor::new(image)).with_guessed_format().ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SOURCE_SIDE);
    limits.max_image_height = Some(SOURCE_SIDE);
    limits.max_alloc = Some(DECODED);
    reader.limits(limits);
    let small = reader.decode().ok()?.thumbnail(SIDE, SIDE).into_rgba8();
    let (width, height) = small.dimensions();
    Some(Thumbnail { width, height, rgba: small.into_raw() })
}
