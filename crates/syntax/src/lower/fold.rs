//! Folds over rows, what the engine did itself, and the windows of both.

use super::Lower;
use crate::grammar::{Pair, Rule, find, has, parts};
use crate::span::Spanned;
use crate::tree::{Aggregate, Bound, Function, Touch, Window};

impl Lower<'_> {
    pub(super) fn aggregate(&mut self, pair: &Pair<'_>) -> Option<Aggregate> {
        let function_pair = find(pair, Rule::function)?;
        let first = function_pair.clone().into_inner().next()?.as_rule();
        let function = match first {
            _ if has(&function_pair, Rule::k_distinct) => Function::Distinct,
            Rule::k_sum => Function::Sum,
            Rule::k_average => Function::Average,
            Rule::k_min => Function::Min,
            Rule::k_max => Function::Max,
            Rule::k_latest => Function::Latest,
            Rule::k_first => Function::First,
            _ => Function::Count,
        };
        let path = self.checked_path(&find(pair, Rule::path)?)?;
        let filter = match find(pair, Rule::filter) {
            Some(filter) => Some(self.term(&filter)?),
            None => None,
        };
        let window = self.window(pair)?;
        Some(Aggregate { function: Spanned::new(function, self.span(&function_pair)), path, filter, window })
    }

    /// The window directly inside, if there is one.
    pub(super) fn window(&mut self, pair: &Pair<'_>) -> Option<Option<Spanned<Window>>> {
        let Some(outer) = find(pair, Rule::window) else { return Some(None) };
        let inner = outer.clone().into_inner().next()?;
        let mut bounds = parts(inner.clone()).filter(|p| p.as_rule() == Rule::bound);
        let window = match inner.as_rule() {
            Rule::window_last => Window::Last(self.find_length(&inner)?),
            Rule::window_since => Window::Since(self.bound(&bounds.next()?)?),
            Rule::window_before => Window::Before(self.bound(&bounds.next()?)?),
            _ => {
                let (low, high) = (bounds.next()?, bounds.next()?);
                let (low, high) = (self.bound(&low), self.bound(&high));
                Window::Between(low?, high?)
            }
        };
        Some(Some(Spanned::new(window, self.span(&outer))))
    }

    pub(super) fn bound(&mut self, pair: &Pair<'_>) -> Option<Spanned<Bound>> {
        if has(pair, Rule::k_start) {
            return Some(Spanned::new(Bound::Start, self.span(pair)));
        }
        let day = self.day(pair)?;
        Some(Spanned::new(Bound::Date(day.node), day.span))
    }

    pub(super) fn touch(&mut self, pair: &Pair<'_>) -> Option<Touch> {
        let name = self.find_name(pair)?;
        let channel = find(pair, Rule::channel).and_then(|c| self.find_name(&c));
        Some(Touch { name, channel, window: self.window(pair)? })
    }
}
