//! The customers of a decision: kept in memory, read for it, or made chunk by chunk where they do not fit; and who of them
//! matches.

use crate::decide::Decider;
use crate::metrics;
use std::borrow::Cow;
use tidings_engine::{Chunk, Chunks, Matches, Needs, Populations};
use tidings_plan::Rest;
use tidings_schema::Now;
use tidings_store::{
    EngineRows, LoadStats, Loaded, Refreshed, Resident, Room, Selection, StoreError, Stream,
};

/// Customers as they were read.
pub(crate) enum Customers {
    There(Loaded),
    Streamed(Box<Stream>),
}

impl Chunks for Customers {
    type Error = StoreError;

    fn count(&self) -> usize {
        match self {
            Customers::There(loaded) => loaded.chunks.len(),
            Customers::Streamed(stream) => stream.count(),
        }
    }

    fn chunk(&self, i: usize) -> Result<Cow<'_, Chunk>, StoreError> {
        match self {
            Customers::There(loaded) => loaded.chunks.as_slice().chunk(i).map_err(|never| match never {}),
            Customers::Streamed(stream) => stream.chunk(i),
        }
    }
}

impl Customers {
    /// What there was to remark on.
    pub(crate) fn stats(&self) -> LoadStats {
        match self {
            Customers::There(loaded) => loaded.stats.clone(),
            Customers::Streamed(stream) => stream.stats(),
        }
    }
}

/// What is left of them once it is known who matches.
pub(crate) struct Evaluated {
    pub(crate) chunks: Vec<Chunk>,
    /// The columns that the chunks have.
    pub(crate) needs: Needs,
    pub(crate) populations: Populations,
    pub(crate) matches: Vec<Matches>,
    pub(crate) stats: LoadStats,
    /// What has the other columns, where there are such.
    pub(crate) stream: Option<Box<Stream>>,
}

impl Decider<'_> {
    /// Reads those with some keys, or everybody, and says what that took where customers are kept.
    pub(crate) async fn read(
        &self,
        needs: &Needs,
        keys: Option<&[&str]>,
        rows: &EngineRows,
    ) -> Result<(Customers, Option<Refreshed>), StoreError> {
        let (vocabulary, store) = (&self.program.vocabulary, self.customers);
        if keys.is_none()
            && let Some(room) = self.too_small(needs).await?
        {
            if let Some((resident, _)) = self.resident {
                *resident.lock().await = Resident::default();
            }
            let stream = store.stream(vocabulary, needs, rows, room).await?;
            tracing::debug!(aside = stream.aside(), "customers do not fit into memory");
            return Ok((Customers::Streamed(Box::new(stream)), None));
        }
        let (loaded, refreshed) = self.in_memory(needs, keys, rows).await?;
        Ok((Customers::There(loaded), refreshed))
    }

    /// The same, whatever room they take.
    pub(crate) async fn in_memory(
        &self,
        needs: &Needs,
        keys: Option<&[&str]>,
        rows: &EngineRows,
    ) -> Result<(Loaded, Option<Refreshed>), StoreError> {
        let (vocabulary, store) = (&self.program.vocabulary, self.customers);
        let Some((resident, at)) = self.resident.filter(|_| keys.is_none()) else {
            let selection = keys.map_or(Selection::All, Selection::Those);
            let loaded = store.load(vocabulary, needs, selection, rows).await?;
            return Ok((loaded, None));
        };
        let (loaded, took) = resident.lock().await.load(store, vocabulary, needs, rows, at).await?;
        metrics::resident(&took);
        let Refreshed { read, grown, saved, bytes } = took;
        tracing::debug!(read, grown, saved, bytes, "customers are up to date");
        Ok((loaded, Some(took)))
    }

    /// The room that customers may take, where that is less than they need.
    async fn too_small(&self, needs: &Needs) -> Result<Option<&Room>, StoreError> {
        let Some(room) = self.room else { return Ok(None) };
        let weight = self.customers.weight(&self.program.vocabulary, needs).await?;
        Ok((weight > room.memory).then_some(room))
    }

    /// Finds out who matches.
    pub(crate) fn evaluate(&self, customers: Customers, now: Now) -> Result<Evaluated, StoreError> {
        let (evaluator, threads) = (self.evaluator, self.threads);
        let populations = evaluator.populations_of(&customers, now, threads)?;
        let stream = match customers {
            Customers::There(Loaded { chunks, stats }) => {
                let matches = evaluator.evaluate_all(&chunks, now, &populations, threads);
                let needs = evaluator.needs().clone();
                return Ok(Evaluated { chunks, needs, populations, matches, stats, stream: None });
            }
            Customers::Streamed(stream) => stream,
        };
        let rest = Rest::of(self.program, evaluator.needs(), self.since, now);
        let left = |chunk: &Chunk, matches| (rest.left(chunk, evaluator.needs()), matches);
        let evaluated = evaluator.evaluate_each(stream.as_ref(), now, &populations, threads, left)?;
        let (chunks, matches) = evaluated.into_iter().unzip();
        let (needs, stats) = (rest.needs().clone(), stream.stats());
        Ok(Evaluated { chunks, needs, populations, matches, stats, stream: Some(stream) })
    }
}
