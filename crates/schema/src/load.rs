//! From `schema.yaml` to a [`Vocabulary`]. Every problem is a finding with its place, and they are all found
//! in one go.

mod attribute;
mod changes;
mod expect;

use crate::names;
use crate::types::Type;
use crate::vocabulary::{
    Attribute, AttributeId, Collection, CollectionId, Contact, Customer, Event, EventSource, FieldId,
    RowSource, StoredUnit, Vocabulary,
};
use crate::yaml::{Document, Fields, Node};
use attribute::{Owner, plain};
pub use attribute::{currency, zone};
use chrono_tz::Tz;
use iso_currency::Currency;
use std::collections::HashSet;
use tidings_syntax::suggest::nearest;
use tidings_syntax::{Code, Diagnostic, FileId};

/// What the project says that its vocabulary needs to know.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Days begin and end in it.
    pub zone: Tz,
    /// The currency of money that does not say its own.
    pub currency: Currency,
}

/// Reads a `schema.yaml`. There is a vocabulary only where no finding is an error.
pub fn load(text: &str, file: FileId, settings: &Settings) -> (Option<Vocabulary>, Vec<Diagnostic>) {
    let mut out = Vec::new();
    let document = Document::read(text, file, &mut out);
    let vocabulary = document.and_then(|d| vocabulary(&d.root(), settings, &mut out));
    (vocabulary.filter(|_| !out.iter().any(Diagnostic::is_error)), out)
}

fn vocabulary(root: &Node<'_>, settings: &Settings, out: &mut Vec<Diagnostic>) -> Option<Vocabulary> {
    let fields = root.fields(&["customer", "contact", "collections", "events"], out)?;
    let customer = fields.need("customer", "customer: {table: customers, key: id}", out)?;
    let (customer, attributes) = read_customer(&customer, settings, out)?;
    let contacts = fields.get("contact").map_or(Vec::new(), |n| read_contacts(&n, &attributes, out));
    let collections = fields
        .get("collections")
        .map_or(Declared::default(), |n| read_collections(&n, &attributes, settings, out));
    let events = fields.get("events").map_or(Vec::new(), |n| read_events(&n, &attributes, &collections, out));
    let expectations = expect::read(&fields, (&customer, &attributes.list), &collections, settings, out);
    let mut collections = collections.list;
    collections.extend([sends(), grants()]);
    let customer = Customer { attributes: attributes.list, ..customer };
    Some(Vocabulary {
        zone: settings.zone,
        currency: settings.currency,
        customer,
        collections,
        events,
        contacts,
        expectations,
    })
}

/// Things that have names; the names of those that could not be read are kept, so that what points at them
/// gives no second finding.
struct Declared<T> {
    list: Vec<T>,
    broken: HashSet<String>,
}

impl<T> Default for Declared<T> {
    fn default() -> Declared<T> {
        Declared { list: Vec::new(), broken: HashSet::new() }
    }
}

fn read_customer(
    node: &Node<'_>,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Option<(Customer, Declared<Attribute>)> {
    let known = ["table", "key", "created", "zone", "attributes", expect::KEY];
    let fields = node.fields(&[known.as_slice(), &changes::KEYS].concat(), out)?;
    let table = fields.need("table", "table: customers", out).and_then(|n| n.text(out));
    let key = fields.need("key", "key: id", out).and_then(|n| n.text(out));
    let attributes = fields
        .get("attributes")
        .map_or(Declared::default(), |n| read_attributes(&n, Owner::Customer, settings, out));
    let created = fields.get("created").and_then(|n| point(&n, &attributes, TIME, out));
    let zone = fields.get("zone").and_then(|n| point(&n, &attributes, TEXT, out));
    let changes = changes::read(&fields, true, out);
    let customer = Customer {
        table: table?,
        key: key?,
        changes,
        created: created.map(AttributeId),
        zone: zone.map(AttributeId),
        attributes: Vec::new(),
    };
    Some((customer, attributes))
}

fn read_attributes(
    node: &Node<'_>,
    owner: Owner,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Declared<Attribute> {
    let mut declared = Declared::default();
    for (name, node) in named(node, out) {
        let free = owner == Owner::Row || !is_built_in(&name, &node, out);
        match attribute::read(&name, &node, owner, settings, out) {
            Some(attribute) if free => declared.list.push(attribute),
            _ => drop(declared.broken.insert(name)),
        }
    }
    declared
}

fn read_contacts(
    node: &Node<'_>,
    attributes: &Declared<Attribute>,
    out: &mut Vec<Diagnostic>,
) -> Vec<Contact> {
    let mut contacts = Vec::new();
    for (channel, node) in named(node, out) {
        if ["coupon", "message", "messages"].contains(&channel.as_str()) {
            out.push(
                Diagnostic::new(
                    Code::RESERVED_NAME,
                    node.key_place(),
                    format!("no channel can be called `{channel}`"),
                )
                .help("rules use that word otherwise; choose another name, such as email or sms"),
            );
        }
        let Some(fields) = node.fields(&["address", "consent"], out) else { continue };
        let address =
            fields.need("address", "address: email", out).and_then(|n| point(&n, attributes, TEXT, out));
        let consent = fields
            .need("consent", "consent: email_consent", out)
            .and_then(|n| point(&n, attributes, YES_NO, out));
        if let (Some(address), Some(consent)) = (address, consent) {
            contacts.push(Contact { channel, address: AttributeId(address), consent: AttributeId(consent) });
        }
    }
    contacts
}

fn read_collections(
    node: &Node<'_>,
    attributes: &Declared<Attribute>,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Declared<Collection> {
    let mut declared = Declared::default();
    for (name, node) in named(node, out) {
        let mut free = !is_built_in(&name, &node, out);
        if attributes.list.iter().any(|a| a.name == name) || attributes.broken.contains(&name) {
            out.push(
                Diagnostic::new(
                    Code::DUPLICATE_KEY,
                    node.key_place(),
                    format!("`{name}` is already an attribute of the customer"),
                )
                .help("give one of the two another name; its column or table can keep its own"),
            );
            free = false;
        }
        match read_collection(&name, &node, settings, out) {
            Some(collection) if free => declared.list.push(collection),
            _ => drop(declared.broken.insert(name)),
        }
    }
    declared
}

fn read_collection(
    name: &str,
    node: &Node<'_>,
    settings: &Settings,
    out: &mut Vec<Diagnostic>,
) -> Option<Collection> {
    let known = ["table", "customer", "time", "key", "fields", expect::KEY];
    let entries = node.fields(&[known.as_slice(), &changes::KEYS].concat(), out)?;
    let table = entries.need("table", &format!("table: {name}"), out).and_then(|n| n.text(out));
    let customer = entries.need("customer", "customer: customer_id", out).and_then(|n| n.text(out));
    let key = entries.text("key", out);
    let changes = changes::read(&entries, entries.get("key").is_some(), out);
    let fields =
        entries.get("fields").map_or(Declared::default(), |n| read_attributes(&n, Owner::Row, settings, out));
    let time = read_time(&entries, &fields, out)?;
    let mut fields = fields.list;
    if let Some(field) = fields.get_mut(time as usize) {
        field.optional = false;
    }
    let source = RowSource::Table { table: table?, customer: customer?, key, changes };
    Some(Collection { name: name.to_owned(), source, time: FieldId(time), fields })
}

fn read_time(entries: &Fields<'_>, fields: &Declared<Attribute>, out: &mut Vec<Diagnostic>) -> Option<u32> {
    point(&entries.need("time", "time: placed_at", out)?, fields, TIME, out)
}

fn read_events(
    node: &Node<'_>,
    attributes: &Declared<Attribute>,
    collections: &Declared<Collection>,
    out: &mut Vec<Diagnostic>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for (name, node) in named(node, out) {
        let Some(target) = node.text(out) else { continue };
        let target = names::normal(&target);
        let source = match target.strip_prefix("customer.") {
            Some(attribute) => point_at(attribute, &node, attributes, TIME, out)
                .map(|i| EventSource::Attribute(AttributeId(i))),
            None => collection(&target, &node, collections, out).map(|i| EventSource::Row(CollectionId(i))),
        };
        events.extend(source.map(|source| Event { name, source }));
    }
    events
}

fn collection(
    name: &str,
    node: &Node<'_>,
    collections: &Declared<Collection>,
    out: &mut Vec<Diagnostic>,
) -> Option<u32> {
    let position = collections.list.iter().position(|c| c.name == name);
    if position.is_none() && !collections.broken.contains(name) {
        let finding = node.finding(Code::NOTHING_THERE, format!("there is no collection `{name}`"));
        out.push(
            with_near(finding, name, collections.list.iter().map(|c| c.name.as_str()))
                .help("an event is a collection (a new row), or `customer.` and a moment of the customer"),
        );
    }
    position.map(|i| i as u32)
}

/// Which types a name may point at, and how to say it.
type Wanted = (fn(&Type) -> bool, &'static str);
const TIME: Wanted = (|ty| matches!(ty, Type::Date | Type::Moment), "a date or a moment");
const TEXT: Wanted = (|ty| matches!(ty, Type::Text), "text");
const YES_NO: Wanted = (|ty| matches!(ty, Type::YesNo), "yes/no");

/// The position of the attribute that a value names.
fn point(
    node: &Node<'_>,
    declared: &Declared<Attribute>,
    wanted: Wanted,
    out: &mut Vec<Diagnostic>,
) -> Option<u32> {
    point_at(&names::normal(&node.text(out)?), node, declared, wanted, out)
}

fn point_at(
    name: &str,
    node: &Node<'_>,
    declared: &Declared<Attribute>,
    (fits, wanted): Wanted,
    out: &mut Vec<Diagnostic>,
) -> Option<u32> {
    match declared.list.iter().position(|a| a.name == name) {
        Some(i) if declared.list.get(i).is_some_and(|a| fits(&a.ty)) => Some(i as u32),
        Some(i) => {
            let is = declared.list.get(i).map_or(String::new(), |a| a.ty.to_string());
            let message = format!("`{}` needs something that is {wanted}, and `{name}` is {is}", node.key());
            let help = "name another one, or mend its type";
            out.push(node.finding(Code::POINTS_AT_WRONG_TYPE, message).help(help));
            None
        }
        None if declared.broken.contains(name) => None,
        None => {
            let finding = node.finding(Code::NOTHING_THERE, format!("`{name}` is not declared"));
            let help = format!(
                "declare it in the same file, with `{name}: {}`",
                wanted.rsplit(' ').next().unwrap_or(wanted)
            );
            out.push(with_near(finding, name, declared.list.iter().map(|a| a.name.as_str())).help(help));
            None
        }
    }
}

fn with_near<'a>(finding: Diagnostic, name: &str, candidates: impl Iterator<Item = &'a str>) -> Diagnostic {
    match nearest(name, candidates) {
        Some(near) => finding.help(format!("perhaps `{near}` was meant")),
        None => finding,
    }
}

/// The entries whose keys are names that rules can write. The others are findings.
fn named<'d>(node: &Node<'d>, out: &mut Vec<Diagnostic>) -> Vec<(String, Node<'d>)> {
    let mut seen = HashSet::new();
    let mut entries = node.entries(out).unwrap_or_default();
    entries.retain_mut(|(name, node)| {
        *name = names::normal(name);
        let finding = if names::is_reserved(name) {
            Some((Code::RESERVED_NAME, format!("`{name}` is a word of the language"), "choose another name"))
        } else if !names::is_name(name) {
            let way = "names have letters, digits, `_` and single `-` inside, and begin with a letter";
            Some((Code::UNWRITABLE_NAME, format!("rules could not write the name `{name}`"), way))
        } else if !seen.insert(name.clone()) {
            Some((Code::DUPLICATE_KEY, format!("`{name}` is written twice"), "keep one of the two"))
        } else {
            None
        };
        let good = finding.is_none();
        out.extend(finding.map(|(code, message, way)| {
            let keep = "the column or table can keep its own: say `column:` or `table:`";
            Diagnostic::new(code, node.key_place(), message).help(format!("{way}; {keep}"))
        }));
        good
    });
    entries
}

fn is_built_in(name: &str, node: &Node<'_>, out: &mut Vec<Diagnostic>) -> bool {
    let taken = [Vocabulary::SENDS, Vocabulary::GRANTS].contains(&name);
    if taken {
        out.push(
            Diagnostic::new(
                Code::RESERVED_NAME,
                node.key_place(),
                format!("`{name}` is what the engine itself keeps"),
            )
            .help("choose another name; its column or table can keep its own"),
        );
    }
    taken
}

fn sends() -> Collection {
    let fields = vec![
        plain("template", Type::Text),
        plain("channel", Type::Text),
        plain("rule", Type::Text),
        moment("at"),
    ];
    Collection { name: Vocabulary::SENDS.to_owned(), source: RowSource::Sends, time: FieldId(3), fields }
}

fn grants() -> Collection {
    let expires = Attribute { optional: true, ..moment("expires") };
    let fields = vec![plain("coupon", Type::Text), plain("rule", Type::Text), moment("at"), expires];
    Collection { name: Vocabulary::GRANTS.to_owned(), source: RowSource::Grants, time: FieldId(2), fields }
}

fn moment(name: &str) -> Attribute {
    let mut field = plain(name, Type::Moment);
    field.storage.unit = StoredUnit::Microseconds;
    field
}
