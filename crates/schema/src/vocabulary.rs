//! The shop's vocabulary: what a customer, an order, an event is, and where the store keeps it.

use crate::expectation::Expectation;
use crate::load::Settings;
use crate::types::Type;
use chrono_tz::Tz;
use iso_currency::Currency;

/// The position of an attribute in [`Customer::attributes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttributeId(pub u32);

/// The position of a collection in [`Vocabulary::collections`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CollectionId(pub u32);

/// The position of a field in [`Collection::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub u32);

/// Everything that rules can name before they declare anything themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// The project's time zone: days begin and end in it.
    pub zone: Tz,
    /// The currency of money that does not say its own.
    pub currency: Currency,
    /// The customers.
    pub customer: Customer,
    /// What customers have many of. The two that the engine writes itself come last, see [`Vocabulary::SENDS`].
    pub collections: Vec<Collection>,
    /// What can happen.
    pub events: Vec<Event>,
    /// How customers are reached, one entry a channel.
    pub contacts: Vec<Contact>,
    /// What has to hold of the data before anything is decided on it.
    pub expectations: Vec<Expectation>,
}

/// The table of customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// The table or view.
    pub table: String,
    /// The column that identifies a customer. Keys are text here, whatever the store has.
    pub key: String,
    /// How the table tells what changed in it.
    pub changes: Changes,
    /// When the customer came to be. Customers that are not yet there at `now` do not exist.
    pub created: Option<AttributeId>,
    /// The customer's own time zone (a text attribute with an IANA name), for quiet hours.
    pub zone: Option<AttributeId>,
    /// What is known of a customer.
    pub attributes: Vec<Attribute>,
}

/// How a table tells which of its rows are new or other than they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The column that rises with every row that comes in (`append_only`) or changes (`updated_at`).
    pub since: Option<String>,
    /// Whether rows only come in (`append_only`).
    pub only_grows: bool,
    /// The column that has a value in rows that count as deleted: those are not there.
    pub deleted: Option<String>,
}

/// Something known of a customer or of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// As rules write it.
    pub name: String,
    /// What people call it.
    pub label: Option<String>,
    /// What it is.
    pub ty: Type,
    /// How the store keeps it.
    pub storage: Storage,
    /// Whether it can be missing.
    pub optional: bool,
    /// A date that comes round every year, such as a birthday.
    pub yearly: bool,
    /// Kept by the engine in its own state and changed by rules (`set`, `add tag`), not by the customer store.
    pub kept: bool,
}

/// How the store keeps an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    /// The column.
    pub column: String,
    /// Money is kept in the minor unit (cents, fen) and not in the major one.
    pub minor: bool,
    /// The zone of moments that are kept without one; the project's where it is not said.
    pub zone: Option<Tz>,
    /// What whole numbers count where they stand for a moment or a duration.
    pub unit: StoredUnit,
    /// What parts tags that are kept in one text; a JSON array where it is not said.
    pub separator: Option<String>,
}

/// What a whole number counts where it stands for a moment (since 1970 UTC) or for a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredUnit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Minutes.
    Minutes,
    /// Hours.
    Hours,
    /// Days.
    Days,
}

impl StoredUnit {
    /// How many microseconds one is.
    pub fn micros(self) -> i64 {
        match self {
            StoredUnit::Microseconds => 1,
            StoredUnit::Milliseconds => 1_000,
            StoredUnit::Seconds => 1_000_000,
            StoredUnit::Minutes => 60_000_000,
            StoredUnit::Hours => 3_600_000_000,
            StoredUnit::Days => 86_400_000_000,
        }
    }
}

/// What a customer has many of: orders, events, sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// As rules write it, a plural: `orders`.
    pub name: String,
    /// Where its rows are.
    pub source: RowSource,
    /// When a row happened: a date or a moment. A row without it, or at `now` and after, does not exist.
    pub time: FieldId,
    /// What a row has.
    pub fields: Vec<Attribute>,
}

/// Where the rows of a collection are.
#[derive(Clone, Debug, PartialEq)]
pub enum RowSource {
    /// A table of the customer store.
    Table {
        /// The table or view.
        table: String,
        /// The column that holds the customer's key.
        customer: String,
        /// The column that identifies a row: rows of the same time are in its order.
        key: Option<String>,
        /// How the table tells what changed in it.
        changes: Changes,
    },
    /// The messages that the engine sent.
    Sends,
    /// The coupons that the engine granted.
    Grants,
}

/// Something that can happen: `order`, `signup`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// As rules write it.
    pub name: String,
    /// What it is.
    pub source: EventSource,
}

/// What an event is.
#[derive(Clone, Debug, PartialEq)]
pub enum EventSource {
    /// A new row of a collection.
    Row(CollectionId),
    /// The moment in an attribute of the customer.
    Attribute(AttributeId),
}

/// How customers are reached in a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The channel: `email`, `sms`.
    pub channel: String,
    /// The address: a text attribute.
    pub address: AttributeId,
    /// The consent: a yes/no attribute. Unknown is no.
    pub consent: AttributeId,
}

impl Vocabulary {
    /// The name of the collection of sent messages: `template`, `channel`, `rule`, `at`.
    pub const SENDS: &'static str = "sends";
    /// The name of the collection of granted coupons: `coupon`, `rule`, `at`, `expires`.
    pub const GRANTS: &'static str = "grants";

    /// One that knows nothing of anybody.
    pub fn empty(&Settings { zone, currency }: &Settings) -> Vocabulary {
        let nobody = Customer {
            table: String::new(),
            key: String::new(),
            changes: Changes::default(),
            created: None,
            zone: None,
            attributes: Vec::new(),
        };
        Vocabulary {
            zone,
            currency,
            customer: nobody,
            collections: Vec::new(),
            events: Vec::new(),
            contacts: Vec::new(),
            expectations: Vec::new(),
        }
    }

    /// The attribute of that id.
    pub fn attribute(&self, id: AttributeId) -> Option<&Attribute> {
        self.customer.attributes.get(id.0 as usize)
    }

    /// The collection of that id.
    pub fn collection(&self, id: CollectionId) -> Option<&Collection> {
        self.collections.get(id.0 as usize)
    }

    /// The attribute of that name.
    pub fn find_attribute(&self, name: &str) -> Option<(AttributeId, &Attribute)> {
        find(&self.customer.attributes, |a| &a.name, name).map(|(i, a)| (AttributeId(i), a))
    }

    /// The collection of that name.
    pub fn find_collection(&self, name: &str) -> Option<(CollectionId, &Collection)> {
        find(&self.collections, |c| &c.name, name).map(|(i, c)| (CollectionId(i), c))
    }

    /// How customers are reached in that channel.
    pub fn contact(&self, channel: &str) -> Option<&Contact> {
        self.contacts.iter().find(|c| c.channel == channel)
    }
}

impl Collection {
    /// The field of that id.
    pub fn field(&self, id: FieldId) -> Option<&Attribute> {
        self.fields.get(id.0 as usize)
    }

    /// The field of that name.
    pub fn find_field(&self, name: &str) -> Option<(FieldId, &Attribute)> {
        find(&self.fields, |f| &f.name, name).map(|(i, f)| (FieldId(i), f))
    }
}

fn find<'a, T>(list: &'a [T], name_of: impl Fn(&T) -> &String, name: &str) -> Option<(u32, &'a T)> {
    list.iter().enumerate().find(|(_, item)| name_of(item) == name).map(|(i, item)| (i as u32, item))
}
