//! Which nodes are computed for some others, in which order and together with which, and for how long their results
//! are kept.

use crate::against::{self, Against};
use crate::graph::{BitsId, ColumnId, ColumnNode, Graph, NodeId, RunsId};
use std::collections::HashMap;
use tidings_syntax::tree::Function;

/// The nodes that some roots need, in order.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub steps: Vec<Step>,
}

/// One node or several, and what nobody needs after them.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub work: Work,
    pub frees: Vec<NodeId>,
}

#[derive(Clone, Debug)]
pub(crate) enum Work {
    Bits(BitsId),
    Column(ColumnId),
    /// All windows over one collection.
    Windows(Vec<RunsId>),
    /// All comparisons of a column with constants of one kind.
    Against(Box<Against>),
    Folds(Folds),
}

/// All folds of one field, or of the rows themselves, with one filter.
#[derive(Clone, Debug)]
pub(crate) struct Folds {
    pub field: Option<ColumnId>,
    pub filter: Option<BitsId>,
    pub folds: Vec<(ColumnId, Function, RunsId)>,
}

/// Nodes that are computed together, by what they have in common.
#[derive(PartialEq, Eq, Hash)]
enum Together {
    Windows(ColumnId),
    Against(ColumnId, u8),
    /// Of the rows that have these times: what counts rows has no field that tells their collection.
    Folds(ColumnId, Option<ColumnId>, Option<BitsId>),
}

impl Pass {
    /// The pass after which the roots' results are there.
    pub fn new(graph: &Graph, roots: impl IntoIterator<Item = NodeId>) -> Pass {
        let mut kept = NodeMap::new(graph, false);
        roots.into_iter().for_each(|root| kept.set(root, true));
        let mut needed = kept.clone();
        for node in graph.order.iter().rev() {
            if needed.get(*node) {
                graph.inputs(*node).into_iter().for_each(|input| needed.set(input, true));
            }
        }
        let order: Vec<NodeId> = graph.order.iter().copied().filter(|node| needed.get(*node)).collect();
        let mut steps = steps(graph, &order);
        // Backwards, so that an input is first met at its last use.
        for step in steps.iter_mut().rev() {
            for input in step.work.nodes().into_iter().flat_map(|node| graph.inputs(node)) {
                if !kept.get(input) {
                    kept.set(input, true);
                    step.frees.push(input);
                }
            }
        }
        Pass { steps }
    }
}

/// Nodes that belong together become one step where the first of them stands: they need the same and nothing more.
fn steps(graph: &Graph, order: &[NodeId]) -> Vec<Step> {
    let mut groups: HashMap<Together, Vec<NodeId>> = HashMap::new();
    for node in order {
        if let Some(key) = Together::of(graph, *node) {
            groups.entry(key).or_default().push(*node);
        }
    }
    let mut steps = Vec::new();
    for node in order {
        let works = match Together::of(graph, *node) {
            None => vec![Work::one(*node)],
            Some(key) => groups.remove(&key).map(|nodes| key.works(graph, &nodes)).unwrap_or_default(),
        };
        steps.extend(works.into_iter().map(|work| Step { work, frees: Vec::new() }));
    }
    steps
}

impl Together {
    fn of(graph: &Graph, node: NodeId) -> Option<Together> {
        match node {
            NodeId::Bits(id) => {
                against::kind(graph.bits_node(id)).map(|(column, kind)| Together::Against(column, kind))
            }
            NodeId::Runs(id) => Some(Together::Windows(graph.runs_node(id).times)),
            NodeId::Column(id) => match graph.column_node(id) {
                ColumnNode::Fold { field, filter, runs, .. } => {
                    Some(Together::Folds(graph.runs_node(*runs).times, *field, *filter))
                }
                _ => None,
            },
        }
    }

    fn works(&self, graph: &Graph, nodes: &[NodeId]) -> Vec<Work> {
        match self {
            Together::Windows(_) => {
                let runs =
                    nodes.iter().filter_map(|n| if let NodeId::Runs(id) = n { Some(*id) } else { None });
                vec![Work::Windows(runs.collect())]
            }
            Together::Against(column, _) => {
                let test = |n: &NodeId| match n {
                    NodeId::Bits(id) => Some((*id, graph.bits_node(*id))),
                    _ => None,
                };
                let tests: Vec<_> = nodes.iter().filter_map(test).collect();
                match Against::new(*column, &tests) {
                    Some(against) => vec![Work::Against(Box::new(against))],
                    None => nodes.iter().map(|node| Work::one(*node)).collect(),
                }
            }
            Together::Folds(_, field, filter) => {
                let fold = |n: &NodeId| match n {
                    NodeId::Column(id) => match graph.column_node(*id) {
                        ColumnNode::Fold { function, runs, .. } => Some((*id, *function, *runs)),
                        _ => None,
                    },
                    _ => None,
                };
                let folds = nodes.iter().filter_map(fold).collect();
                vec![Work::Folds(Folds { field: *field, filter: *filter, folds })]
            }
        }
    }
}

impl Work {
    fn one(node: NodeId) -> Work {
        match node {
            NodeId::Bits(id) => Work::Bits(id),
            NodeId::Column(id) => Work::Column(id),
            NodeId::Runs(id) => Work::Windows(vec![id]),
        }
    }

    fn nodes(&self) -> Vec<NodeId> {
        match self {
            Work::Bits(id) => vec![NodeId::Bits(*id)],
            Work::Column(id) => vec![NodeId::Column(*id)],
            Work::Windows(runs) => runs.iter().map(|id| NodeId::Runs(*id)).collect(),
            Work::Against(against) => against.nodes().map(NodeId::Bits).collect(),
            Work::Folds(folds) => folds.folds.iter().map(|(id, ..)| NodeId::Column(*id)).collect(),
        }
    }
}

/// Something for each node.
#[derive(Clone, Debug)]
pub(crate) struct NodeMap<T> {
    bits: Vec<T>,
    columns: Vec<T>,
    runs: Vec<T>,
}

#[expect(clippy::indexing_slicing, reason = "ids are positions in the graph that the map was made for")]
impl<T: Copy> NodeMap<T> {
    pub fn new(graph: &Graph, start: T) -> NodeMap<T> {
        NodeMap {
            bits: vec![start; graph.bits.len()],
            columns: vec![start; graph.columns.len()],
            runs: vec![start; graph.runs.len()],
        }
    }

    pub fn get(&self, node: NodeId) -> T {
        match node {
            NodeId::Bits(id) => self.bits[id.0 as usize],
            NodeId::Column(id) => self.columns[id.0 as usize],
            NodeId::Runs(id) => self.runs[id.0 as usize],
        }
    }

    pub fn set(&mut self, node: NodeId, to: T) {
        match node {
            NodeId::Bits(id) => self.bits[id.0 as usize] = to,
            NodeId::Column(id) => self.columns[id.0 as usize] = to,
            NodeId::Runs(id) => self.runs[id.0 as usize] = to,
        }
    }
}
