//! The vocabulary that rules are written in: what a customer, an order, an event is, and the values they
//! have: money, days, moments. Reads no file and no clock.

pub mod calendar;
pub mod decode;
pub mod encode;
pub mod expectation;
pub mod guess;
pub mod load;
pub mod money;
pub mod names;
pub mod show;
pub mod types;
pub mod vocabulary;
pub mod yaml;

pub use calendar::Now;
pub use decode::{BadValue, Raw};
pub use expectation::{Bounds, Expectation, Expected, Subject};
pub use iso_currency::Currency;
pub use load::{Settings, load};
pub use types::{ElapsedUnit, OneOf, Type, Value, Word};
pub use vocabulary::{
    Attribute, AttributeId, Changes, Collection, CollectionId, Contact, Customer, Event, EventSource,
    FieldId, RowSource, Storage, StoredUnit, Vocabulary,
};
