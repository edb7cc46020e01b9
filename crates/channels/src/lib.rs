//! How sends leave: email, SMS and other HTTP services, coupons, and the sandbox that catches them all.
//! Decides nothing about whether to send.

pub mod config;
pub mod secret;
pub mod template;

pub use config::{ChannelConfig, CouponConfig, CouponProviderConfig, Delivery, HttpConfig, SmtpConfig};
pub use secret::Secret;
pub use template::{TemplateError, Templates};
