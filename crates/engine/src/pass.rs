//! Which nodes are computed for some others, and for how long their results are kept.

use crate::graph::{Graph, NodeId};

/// The nodes that some roots need, in order.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    pub steps: Vec<Step>,
}

/// One node, and what nobody needs after it.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub node: NodeId,
    pub frees: Vec<NodeId>,
}

impl Pass {
    /// The pass after which the roots' results are there.
    pub fn new(graph: &Graph, roots: impl IntoIterator<Item = NodeId>) -> Pass {
        let mut needed = NodeMap::new(graph, false);
        roots.into_iter().for_each(|root| needed.set(root, true));
        // Backwards, so that an input is first met at its last use.
        let mut steps = Vec::new();
        for node in graph.order.iter().rev() {
            if needed.get(*node) {
                let mut frees = graph.inputs(*node);
                frees.retain(|input| !needed.get(*input));
                frees.iter().for_each(|input| needed.set(*input, true));
                steps.push(Step { node: *node, frees });
            }
        }
        steps.reverse();
        Pass { steps }
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
