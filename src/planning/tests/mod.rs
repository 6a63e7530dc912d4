//! Meetings frame by frame, from pixels too; what holds for every plan; what a proposal can do and cannot.

mod causes;
mod encounters;
mod properties;
mod proposal_scenarios;
pub(super) mod scenarios;
