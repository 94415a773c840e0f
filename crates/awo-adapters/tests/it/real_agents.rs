//! Real agent programs, which speak to a server that plays the model. `cargo xtask agents` runs these tests alone.
//!
//! Each is left out, and says so, where its program is not there. A module for each program.

mod claude;
mod codex;
mod gemini;
mod opencode;
mod others;
