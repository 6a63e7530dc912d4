//! The `vedette` command: the ROS 2 node, and the same walk without ROS.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
