//! How sends leave: email, SMS and other HTTP services, coupons, and the sandbox that catches them all.
//! Decides nothing about whether to send.

pub mod address;
pub mod bounce;
mod carriers;
pub mod config;
mod context;
mod email;
mod http;
pub mod probe;
pub mod sandbox;
pub mod secret;
pub mod smtp;
pub mod template;
mod tls;
pub mod unsubscribe;

pub use address::{AddressBook, email_address, phone};
pub use carriers::{Carriers, Surroundings};
pub use config::{ChannelConfig, CouponConfig, Delivery, HttpConfig, SmtpConfig};
pub use context::{OF_BODIES, OF_GRANTS, OF_PROVIDERS, OF_ROWS, OF_UNSUBSCRIBE};
pub use http::{Clock, body_variables, check_body, check_http};
pub use probe::{Answered, Probed, probe};
pub use secret::Secret;
pub use smtp::check_smtp;
pub use template::{Known, TemplateError, Templates};
