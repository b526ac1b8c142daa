//! A page that follows runs in the browser: curves that grow, responses to look through, the
//! calibration over time, and what the recipes say differently.
//!
//! [`Dash`] remembers how far the runs' files were read; [`router`] answers from it. Nothing here
//! listens, writes, or reads outside the folder of the runs.
//!
//! | module | subject |
//! |---|---|
//! | `inside` | the one way to the disk: nothing outside the folder is opened |
//! | `runs`, `status` | which runs there are, and how each stands |
//! | `tail` | follows a file of JSON lines that grows, shrinks, or is written anew |
//! | `columns` | the numbers of the logs, by key |
//! | `samples` | choosing among responses without holding their texts |
//! | `curves`, `calibration` | figures, drawn with the report's pictures |
//! | `recipes` | differences of recipes |
//! | `notes` | what a number is, from docs/metrics.md |
//! | `state` | what is remembered between requests |
//! | `routes` | requests and answers |
//! | `assets` | the page itself |

#![warn(missing_docs)]

mod assets;
mod calibration;
mod columns;
mod curves;
mod error;
mod inside;
mod notes;
mod recipes;
mod routes;
mod runs;
mod samples;
mod state;
mod status;
mod tail;

pub use error::DashError;
pub use routes::{PAGE_POLICY, REPORT_POLICY, router};
pub use state::Dash;
