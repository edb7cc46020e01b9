//! What is the same in all runs of a replay: who is held out, and how customers can be reached.

use crate::make::policy::Draw;
use crate::make::{Question, each};
use crate::reach::Reach;
use std::collections::HashMap;
use tidings_engine::{Bitmap, Chunk};
use tidings_schema::{AttributeId, Contact};

pub(crate) struct Fixed {
    chunks: Vec<FixedChunk>,
}

#[derive(Default)]
struct FixedChunk {
    held_out: Option<Bitmap>,
    /// By rule.
    held_out_by: HashMap<usize, Bitmap>,
    /// By channel; the hours of silence are not among it.
    reach: HashMap<String, Reach>,
}

impl Fixed {
    pub fn new(question: &Question<'_>, threads: usize) -> Fixed {
        let mut chunks: Vec<(&Chunk, FixedChunk)> =
            question.chunks.iter().map(|chunk| (chunk, FixedChunk::default())).collect();
        each(&mut chunks, threads, |(chunk, fixed)| *fixed = FixedChunk::new(question, chunk));
        Fixed { chunks: chunks.into_iter().map(|(_, fixed)| fixed).collect() }
    }

    /// Who is held out from all rules.
    pub fn held_out(&self, chunk: usize) -> Option<&Bitmap> {
        self.chunks.get(chunk)?.held_out.as_ref()
    }

    /// Who is held out from a rule, by its position.
    pub fn held_out_by(&self, rule: usize, chunk: usize) -> Option<&Bitmap> {
        self.chunks.get(chunk)?.held_out_by.get(&rule)
    }

    /// How customers can be reached through a channel, save for hours of silence.
    pub fn reach(&self, chunk: usize, channel: &str) -> Option<&Reach> {
        self.chunks.get(chunk)?.reach.get(channel)
    }
}

impl FixedChunk {
    fn new(question: &Question<'_>, chunk: &Chunk) -> FixedChunk {
        let program = question.program;
        let held_out = |rule: &str, share: f64| {
            let draw = Draw::new(question.project, rule, share);
            Bitmap::from_fn(chunk.len(), |i| draw.holds_out(chunk.keys.value(i)))
        };
        let rules = program.rules.iter().enumerate();
        let kept = |id: AttributeId| program.vocabulary.attribute(id).is_some_and(|a| a.kept);
        // What rules may change is looked at in each run.
        let fixed = |contact: &&Contact| !kept(contact.address) && !kept(contact.consent);
        let reach = |contact: &Contact| {
            let reach = question.reaching().of(chunk, contact);
            (contact.channel.clone(), Reach { quiet: Bitmap::none(chunk.len()), ..reach })
        };
        FixedChunk {
            held_out: program.policy.hold_out.map(|share| held_out("", share)),
            held_out_by: rules
                .filter_map(|(i, rule)| Some((i, held_out(rule.identity(), rule.hold_out?))))
                .collect(),
            reach: program.vocabulary.contacts.iter().filter(fixed).map(reach).collect(),
        }
    }
}
