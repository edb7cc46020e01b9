//! What a backtest cannot know: attributes have the values of today, whatever the day that is replayed.

use tidings_check::Program;
use tidings_engine::Evaluator;
use tidings_schema::AttributeId;

/// The attributes without history that rules read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// By rule's name, attributes of the customer, by their names.
    pub rules: Vec<(String, Vec<String>)>,
    /// Attributes that say where and whether customers can be written to.
    pub contacts: Vec<String>,
}

/// Which rules read attributes of which only today's value is known. Yearly dates, the moment from which a customer is
/// there, and what rules themselves set are known for each day.
pub fn unknown(program: &Program) -> Unknown {
    let vocabulary = &program.vocabulary;
    let name = |id: &AttributeId| {
        let attribute = vocabulary.attribute(*id)?;
        let known = attribute.yearly || attribute.kept || vocabulary.customer.created == Some(*id);
        (!known).then(|| attribute.name.clone())
    };
    let rules = program.rules.iter().enumerate().map(|(i, rule)| {
        let reads = Evaluator::reads(program, i);
        (rule.name.clone(), reads.attributes.iter().filter_map(name).collect::<Vec<_>>())
    });
    let used = |channel: &str| program.rules.iter().any(|rule| rule.channels().any(|c| c == channel));
    let contacts = vocabulary.contacts.iter().filter(|contact| used(&contact.channel));
    let mut columns: Vec<AttributeId> = contacts.flat_map(|c| [c.address, c.consent]).collect();
    columns.extend(vocabulary.customer.zone.filter(|_| !program.policy.quiet.is_empty()));
    columns.sort_unstable();
    columns.dedup();
    Unknown {
        rules: rules.filter(|(_, attributes)| !attributes.is_empty()).collect(),
        contacts: columns.iter().filter_map(name).collect(),
    }
}
