//! A shop in Shanghai, as tests of its store see it.

use chrono_tz::Tz;
use tidings_engine::chunk::Needs;
use tidings_schema::load::{Settings, load};
use tidings_schema::{AttributeId, CollectionId, Currency, FieldId, Vocabulary};
use tidings_syntax::FileId;

/// Its vocabulary.
pub fn vocabulary(yaml: &str) -> Vocabulary {
    let settings = Settings { zone: Tz::Asia__Shanghai, currency: Currency::CNY };
    let (vocabulary, findings) = load(yaml, FileId(0), &settings);
    vocabulary.unwrap_or_else(|| panic!("{findings:?}"))
}

/// All that can be wanted of it.
pub fn everything(vocabulary: &Vocabulary) -> Needs {
    let mut needs = Needs::default();
    (0..vocabulary.customer.attributes.len()).for_each(|i| needs.want(AttributeId(i as u32)));
    for (c, collection) in vocabulary.collections.iter().enumerate() {
        (0..collection.fields.len())
            .for_each(|f| needs.want_field(CollectionId(c as u32), FieldId(f as u32)));
    }
    needs
}
