//! The program behind the window: reads its arguments and hands over to the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    miyabi_desktop::main()
}
