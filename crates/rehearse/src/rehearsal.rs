//! Carries a test out: at each step everything is planned as a run would plan it, and what it sends has left by the
//! next.

use crate::file::{Step, Test};
use tidings_check::Program;
use tidings_engine::{Chunk, Evaluator, Matches, Person, Populations, people};
use tidings_plan::{
    Addresses, EngineRows, Past, Plan, Question, Record, Standing, Supplies, events, pages, plan,
};
use tidings_schema::{Attribute, FieldId, Raw, Type, Value, Vocabulary, calendar};

/// How far before the first step of a test events are looked for, in microseconds: a day.
const BEFORE: i64 = 86_400_000_000;

/// The rules of a project, ready for tests.
pub struct Rehearsal<'a> {
    /// The rules.
    pub program: &'a Program,
    /// The project's name: part of the draw for holdouts.
    pub project: &'a str,
    /// How addresses are read.
    pub addresses: &'a dyn Addresses,
    /// What sends need to know.
    pub supplies: &'a Supplies,
    evaluator: Evaluator,
}

/// One step of a test after it was planned.
pub struct Scene<'s> {
    /// Its position in the test.
    pub index: usize,
    /// What was asked.
    pub question: Question<'s>,
    /// What came of it.
    pub plan: &'s Plan,
    /// The cut-offs of scores over the population.
    pub populations: &'s Populations,
    /// The compiled rules.
    pub evaluator: &'s Evaluator,
    /// Every customer, with what the engine did and keeps.
    pub people: &'s [Person],
}

impl Scene<'_> {
    /// Where a customer stands in the one chunk.
    pub fn position(&self, customer: &str) -> Option<usize> {
        self.question.chunks.first()?.keys.iter().position(|key| key == Some(customer))
    }

    /// A customer as a chunk of one.
    pub fn alone(&self, customer: &str) -> Option<Chunk> {
        self.question.chunks.first()?.one(self.position(customer)?)
    }
}

impl<'a> Rehearsal<'a> {
    /// Compiles the rules.
    pub fn new(
        program: &'a Program,
        project: &'a str,
        addresses: &'a dyn Addresses,
        supplies: &'a Supplies,
    ) -> Rehearsal<'a> {
        let mut needs = events::needs(program);
        supplies.shown.values().flatten().chain(&supplies.in_bodies).for_each(|id| needs.want(*id));
        let evaluator = Evaluator::compile(program).reading(&needs);
        Rehearsal { program, project, addresses, supplies, evaluator }
    }

    /// Carries a test out and shows each step to `look`, until it has seen enough: then it is false.
    pub fn run<'d>(&self, test: &Test<'d>, mut look: impl FnMut(&Scene<'_>, &Step<'d>) -> bool) {
        let program = &under(self.program, test);
        let vocabulary = &program.vocabulary;
        let (mut past, standing) = (Past::default(), Standing::default());
        let mut looked = test.steps.first().map_or(0, |step| step.now.micros - BEFORE);
        for (index, step) in test.steps.iter().enumerate() {
            past.add(&step.before, &step.gone);
            let rows = past.engine_rows();
            let people: Vec<Person> = step.people.iter().map(|p| with_rows(vocabulary, p, &rows)).collect();
            let chunks = [people::chunk(vocabulary, self.evaluator.needs(), &people)];
            let populations = self.evaluator.populations(&chunks, step.now, 1);
            let matches: Vec<Matches> = self.evaluator.evaluate_all(&chunks, step.now, &populations, 1);
            let since: Vec<(usize, i64)> = waiting(program).map(|rule| (rule, looked)).collect();
            looked = step.now.micros;
            let question = Question {
                program,
                project: self.project,
                now: step.now,
                chunks: &chunks,
                needs: self.evaluator.needs(),
                matches: &matches,
                history: Record::Keyed(past.history()),
                standing: &standing,
                addresses: self.addresses,
                only: test.only.as_deref(),
                since: &since,
            };
            let plan = plan(&question, 1);
            let (populations, evaluator) = (&populations, &self.evaluator);
            let scene = Scene { index, question, plan: &plan, populations, evaluator, people: &people };
            if !look(&scene, step) {
                return;
            }
            let pages: Vec<_> = pages(&plan, &question, self.supplies).collect();
            pages.iter().for_each(|page| past.take(page));
        }
    }
}

/// The rules as a test asks for them. Of a handful of customers, one is soon more than five in a hundred.
fn under(program: &Program, test: &Test<'_>) -> Program {
    let mut program = program.clone();
    if !test.limits {
        program.rules.iter_mut().for_each(|rule| (rule.limit, rule.budget) = (None, None));
    }
    if !test.holdouts {
        program.rules.iter_mut().for_each(|rule| rule.hold_out = None);
        program.policy.hold_out = None;
    }
    program
}

/// The rules that wait for events.
fn waiting(program: &Program) -> impl Iterator<Item = usize> {
    let rules = program.rules.iter().enumerate();
    rules.filter(|(_, rule)| rule.awaits_events()).map(|(i, _)| i)
}

/// A customer with the rows that the engine has of them.
fn with_rows(vocabulary: &Vocabulary, person: &Person, rows: &EngineRows) -> Person {
    let mut person = person.clone();
    let key = person.key.clone();
    let zone = vocabulary.zone;
    let text = |field: &Attribute, text: &str| field.decode(Raw::Text(text), zone).ok().flatten();
    let moment = |field: &Attribute, micros: i64| match field.ty {
        Type::Date => Value::Date(calendar::day_of(micros, zone)),
        _ => Value::Moment(micros),
    };
    let mut add = |collection: &str, value: &dyn Fn(&Attribute) -> Option<Value>| {
        let Some((id, collection)) = vocabulary.find_collection(collection) else { return };
        let fields = (0..).map(FieldId).zip(&collection.fields);
        person.rows.push((id, fields.filter_map(|(id, field)| Some((id, value(field)?))).collect()));
    };
    for row in rows.sends.iter().filter(|row| row.customer == key) {
        add(Vocabulary::SENDS, &|field| match field.name.as_str() {
            "template" => text(field, &row.template),
            "channel" => text(field, &row.channel),
            "rule" => text(field, &row.rule),
            "at" => Some(moment(field, row.at)),
            _ => None,
        });
    }
    for row in rows.grants.iter().filter(|row| row.customer == key) {
        add(Vocabulary::GRANTS, &|field| match field.name.as_str() {
            "coupon" => text(field, &row.coupon),
            "rule" => text(field, &row.rule),
            "at" => Some(moment(field, row.at)),
            "expires" => row.expires.map(|at| moment(field, at)),
            _ => None,
        });
    }
    for row in rows.kept.iter().filter(|row| row.customer == key) {
        let Some((id, attribute)) = vocabulary.find_attribute(&row.attribute) else { continue };
        person.attributes.extend(text(attribute, &row.value).map(|value| (id, value)));
    }
    person
}
