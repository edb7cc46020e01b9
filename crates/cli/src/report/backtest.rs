//! What the rules would have done over a stretch of time, for people and for machines.

pub mod chart;
pub mod csv;
pub mod figures;
pub mod html;
pub mod json;
pub mod rows;
pub mod svg;
pub mod text;

pub use figures::Figures;
