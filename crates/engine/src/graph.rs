//! The one graph into which all rules are compiled. Equal nodes are the same node, so that what several
//! rules ask is computed once.

use std::collections::HashMap;
use std::hash::Hash;
use tidings_check::program::{ScoreId, Window};
use tidings_schema::{AttributeId, CollectionId, ElapsedUnit, FieldId, Value};
use tidings_syntax::tree::{ArithmeticOp, CompareOp, Function, MatchOp};

macro_rules! node_ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        impl From<u32> for $name {
            fn from(i: u32) -> $name {
                $name(i)
            }
        }
    )*};
}

node_ids! {
    /// A node that is a set.
    BitsId
    /// A node that is a value a customer, or a value a row.
    ColumnId
    /// A node that is a run of rows a customer.
    RunsId
}

/// Any node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeId {
    Bits(BitsId),
    Column(ColumnId),
    Runs(RunsId),
}

/// What a node has one of: customers, or the rows of a collection (inside a filter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Domain {
    Customers,
    Rows(CollectionId),
}

/// For what and when something is computed: `shift` is a number of days before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct At {
    pub shift: u32,
    pub domain: Domain,
}

impl At {
    /// A customer, now.
    pub const NOW: At = At { shift: 0, domain: Domain::Customers };
}

/// A set: those for whom something is definitely true.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BitsNode {
    /// Everybody or nobody.
    Constant(bool, Domain),
    /// Who is in all of them: two or more.
    All(Box<[BitsId]>),
    /// Who is in any of them: two or more.
    Any(Box<[BitsId]>),
    /// Who is in the first and not in the second.
    Except(BitsId, BitsId),
    /// Whose value is known.
    Known(ColumnId),
    /// Whose yes/no value is yes.
    True(ColumnId),
    /// For whom both are known and it holds.
    Compare(CompareOp, ColumnId, ColumnId),
    /// The same with a constant on the right.
    CompareTo(CompareOp, ColumnId, Literal),
    /// Whose value is one of some, sorted.
    In(ColumnId, Box<[Literal]>),
    /// Whose text contains, starts with or ends with another.
    Matches(MatchOp, ColumnId, Box<str>),
    /// Whose tags hold a word.
    HasTag(ColumnId, Box<str>),
    /// Who was created, if that is known, before the moment so many days ago.
    Existing(ColumnId, u32),
    /// The rows of those customers.
    Spread(CollectionId, BitsId),
}

/// A value, or missing, for each customer or row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ColumnNode {
    /// The same for all; `None` is missing.
    Constant(Option<Literal>, Domain),
    /// An attribute of the customer.
    Attribute(AttributeId),
    /// A field of the row.
    Field(CollectionId, FieldId),
    /// Today, so many days ago.
    Today(At),
    /// The moment of the run, so many days ago.
    Now(At),
    /// Arithmetic of numbers and money.
    Arithmetic(ArithmeticOp, ColumnId, ColumnId),
    /// A fold over rows.
    Fold { function: Function, field: Option<ColumnId>, filter: Option<BitsId>, runs: RunsId },
    /// Whole units from the date to the shifted today.
    Since(ElapsedUnit, ColumnId, u32),
    /// Whole units from the shifted today to the date.
    Until(ElapsedUnit, ColumnId, u32),
    /// The next anniversary, seen from the shifted today.
    Next(ColumnId, u32),
    /// The last anniversary, seen from the shifted today.
    Last(ColumnId, u32),
    /// The day of a moment.
    DateOf(ColumnId),
    /// A whole number as a number.
    AsNumber(ColumnId),
    /// A score by fixed bounds, ascending.
    Banded { of: ColumnId, bounds: Box<[Literal]>, lowest_first: bool },
    /// A score by shares of the population, so many days ago.
    Ranked { of: ColumnId, score: ScoreId, shift: u32 },
    /// The position of the first of these sets that the customer is in.
    Stage(Box<[BitsId]>),
    /// The customer's value, for each of the customer's rows.
    Spread(CollectionId, ColumnId),
}

/// For each customer, the rows that lie before the shifted now and in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RunsNode {
    pub collection: CollectionId,
    pub times: ColumnId,
    pub shift: u32,
    pub window: Option<Window>,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Literal {
    /// Money, date, moment, duration, elapsed, word.
    Int(i64),
    Number(Bits),
    Truth(bool),
    Text(String),
}

/// A number that can be looked up: its bits, where zero has one sign only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Bits(u64);

impl Bits {
    pub fn new(number: f64) -> Bits {
        Bits((number + 0.0).to_bits())
    }

    pub fn number(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Literal {
    /// A constant for comparisons; tags are not compared and have none.
    pub fn new(value: &Value) -> Option<Literal> {
        Some(match value {
            Value::Text(t) => Literal::Text(t.clone()),
            Value::Number(n) => Literal::Number(Bits::new(*n)),
            Value::Truth(t) => Literal::Truth(*t),
            Value::Money(i) | Value::Moment(i) | Value::Count(i) => Literal::Int(*i),
            Value::Date(day) => Literal::Int(i64::from(*day)),
            Value::Word(word) => Literal::Int(i64::from(*word)),
            Value::Tags(_) => return None,
        })
    }
}

/// The nodes of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Arena<N, I> {
    nodes: Vec<N>,
    ids: HashMap<N, I>,
}

impl<N: Clone + Eq + Hash, I: Copy + From<u32> + Into<NodeId>> Arena<N, I> {
    fn intern(&mut self, node: N, order: &mut Vec<NodeId>) -> I {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = I::from(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        order.push(id.into());
        id
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// All nodes, in an order in which each comes after what it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub bits: Arena<BitsNode, BitsId>,
    pub columns: Arena<ColumnNode, ColumnId>,
    pub runs: Arena<RunsNode, RunsId>,
    pub order: Vec<NodeId>,
}

impl Graph {
    pub fn new() -> Graph {
        fn arena<N, I>() -> Arena<N, I> {
            Arena { nodes: Vec::new(), ids: HashMap::new() }
        }
        Graph { bits: arena(), columns: arena(), runs: arena(), order: Vec::new() }
    }

    pub fn add_bits(&mut self, node: BitsNode) -> BitsId {
        self.bits.intern(node, &mut self.order)
    }

    pub fn add_column(&mut self, node: ColumnNode) -> ColumnId {
        self.columns.intern(node, &mut self.order)
    }

    pub fn add_runs(&mut self, node: RunsNode) -> RunsId {
        self.runs.intern(node, &mut self.order)
    }

    /// Who is in all of them.
    pub fn all(&mut self, sets: Vec<BitsId>, domain: Domain) -> BitsId {
        self.gather(sets, true, domain)
    }

    /// Who is in any of them.
    pub fn any(&mut self, sets: Vec<BitsId>, domain: Domain) -> BitsId {
        self.gather(sets, false, domain)
    }

    /// Those who are not in it.
    pub fn complement(&mut self, set: BitsId, domain: Domain) -> BitsId {
        let everybody = self.add_bits(BitsNode::Constant(true, domain));
        self.except(everybody, set)
    }

    /// Those of a set who are not in another.
    pub fn except(&mut self, set: BitsId, other: BitsId) -> BitsId {
        self.add_bits(BitsNode::Except(set, other))
    }

    fn gather(&mut self, mut sets: Vec<BitsId>, all: bool, domain: Domain) -> BitsId {
        sets.sort_unstable();
        sets.dedup();
        match sets.as_slice() {
            [] => self.add_bits(BitsNode::Constant(all, domain)),
            [one] => *one,
            _ if all => self.add_bits(BitsNode::All(sets.into())),
            _ => self.add_bits(BitsNode::Any(sets.into())),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by this graph's own arenas")]
    pub fn bits_node(&self, id: BitsId) -> &BitsNode {
        &self.bits.nodes[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by this graph's own arenas")]
    pub fn column_node(&self, id: ColumnId) -> &ColumnNode {
        &self.columns.nodes[id.0 as usize]
    }

    #[expect(clippy::indexing_slicing, reason = "ids are made by this graph's own arenas")]
    pub fn runs_node(&self, id: RunsId) -> &RunsNode {
        &self.runs.nodes[id.0 as usize]
    }

    /// What a node is made of.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        match id {
            NodeId::Bits(id) => self.bits_node(id).inputs(),
            NodeId::Column(id) => self.column_node(id).inputs(),
            NodeId::Runs(id) => vec![NodeId::Column(self.runs_node(id).times)],
        }
    }
}

impl BitsNode {
    fn inputs(&self) -> Vec<NodeId> {
        match self {
            BitsNode::Constant(..) => Vec::new(),
            BitsNode::All(sets) | BitsNode::Any(sets) => sets.iter().map(|s| NodeId::Bits(*s)).collect(),
            BitsNode::Except(a, b) => vec![NodeId::Bits(*a), NodeId::Bits(*b)],
            BitsNode::Compare(_, a, b) => vec![NodeId::Column(*a), NodeId::Column(*b)],
            BitsNode::Known(c)
            | BitsNode::True(c)
            | BitsNode::CompareTo(_, c, _)
            | BitsNode::In(c, _)
            | BitsNode::Matches(_, c, _)
            | BitsNode::HasTag(c, _)
            | BitsNode::Existing(c, _) => vec![NodeId::Column(*c)],
            BitsNode::Spread(_, set) => vec![NodeId::Bits(*set)],
        }
    }
}

impl ColumnNode {
    fn inputs(&self) -> Vec<NodeId> {
        match self {
            ColumnNode::Constant(..)
            | ColumnNode::Attribute(_)
            | ColumnNode::Field(..)
            | ColumnNode::Today(_)
            | ColumnNode::Now(_) => Vec::new(),
            ColumnNode::Arithmetic(_, a, b) => vec![NodeId::Column(*a), NodeId::Column(*b)],
            ColumnNode::Fold { field, filter, runs, .. } => {
                let (field, filter) = (field.map(NodeId::Column), filter.map(NodeId::Bits));
                field.into_iter().chain(filter).chain([NodeId::Runs(*runs)]).collect()
            }
            ColumnNode::Since(_, c, _)
            | ColumnNode::Until(_, c, _)
            | ColumnNode::Next(c, _)
            | ColumnNode::Last(c, _)
            | ColumnNode::DateOf(c)
            | ColumnNode::AsNumber(c)
            | ColumnNode::Banded { of: c, .. }
            | ColumnNode::Ranked { of: c, .. }
            | ColumnNode::Spread(_, c) => vec![NodeId::Column(*c)],
            ColumnNode::Stage(arms) => arms.iter().map(|a| NodeId::Bits(*a)).collect(),
        }
    }
}

impl From<BitsId> for NodeId {
    fn from(id: BitsId) -> NodeId {
        NodeId::Bits(id)
    }
}

impl From<ColumnId> for NodeId {
    fn from(id: ColumnId) -> NodeId {
        NodeId::Column(id)
    }
}

impl From<RunsId> for NodeId {
    fn from(id: RunsId) -> NodeId {
        NodeId::Runs(id)
    }
}
