//! Folds over the rows of a collection.

use crate::names::Named;
use crate::program::{Aggregate, Term, TermKind};
use crate::{Checker, Scope};
use tidings_schema::{CollectionId, FieldId, Type};
use tidings_syntax::tree::{self, Function};
use tidings_syntax::{Code, Diagnostic, Place};

impl Checker<'_> {
    pub(crate) fn aggregate(&mut self, tree: &tree::Aggregate, place: Place) -> Option<Term> {
        let (collection, field) = self.folded(tree)?;
        // What was not written is no failure; what was written and failed is, after both were looked at.
        let filter = tree.filter.as_ref();
        let filter = filter.map_or(Some(None), |f| self.condition(f, Scope::Row(collection)).map(Some));
        let window = tree.window.as_ref().map_or(Some(None), |w| self.window(w).map(Some));
        let (filter, window) = (filter?, window?);
        let ty = match field {
            Some(field) => {
                let ty = &self.vocabulary.collection(collection)?.field(field)?.ty;
                match result(tree.function.node, ty) {
                    Some(ty) => ty,
                    None => return self.report_fold(tree, ty),
                }
            }
            None => Type::Number,
        };
        let aggregate = Aggregate { function: tree.function.node, collection, field, filter, window };
        Some(Term { kind: TermKind::Aggregate(Box::new(aggregate)), ty, place })
    }

    /// The collection, and the field that is folded where one is.
    fn folded(&mut self, tree: &tree::Aggregate) -> Option<(CollectionId, Option<FieldId>)> {
        let place = self.place(tree.path.parts.first()?.span.to(tree.path.parts.last()?.span));
        let (owner, field) = match tree.path.parts.as_slice() {
            [owner] => (owner, None),
            [owner, field] => (owner, Some(field)),
            _ => {
                return self.report(
                    Diagnostic::new(Code::BAD_FOLD, place, "a field has two parts at most")
                        .help("write `orders.total`"),
                );
            }
        };
        let Some(Named::Collection(id)) = self.look_up(&owner.node) else {
            return self.unknown(owner, "collection", |n| matches!(n, Named::Collection(_)));
        };
        let collection = self.vocabulary.collection(id)?;
        let counts = tree.function.node == Function::Count;
        match field {
            None if counts => Some((id, None)),
            None => {
                let time = collection.field(collection.time).map_or("…", |f| f.name.as_str());
                let written = self.text(tree.function.span).to_owned();
                let fix = format!("{written} {}.{time}", owner.node);
                self.report(
                    Diagnostic::new(Code::BAD_FOLD, place, format!("it is not said what of {}", owner.node))
                        .help(format!("name a field, such as `{fix}`")),
                )
            }
            Some(field) if counts => self.report(
                Diagnostic::new(Code::BAD_FOLD, place, "rows are counted, not their fields")
                    .fix("count the rows", place, owner.node.clone())
                    .help(format!("or count its values: `number of distinct {}.{}`", owner.node, field.node)),
            ),
            Some(field) => match collection.find_field(&field.node) {
                Some((f, _)) => Some((id, Some(f))),
                None => {
                    let what = format!("field in {}", collection.name);
                    let fields = collection.fields.iter().map(|f| f.name.as_str());
                    self.unknown_among(Code::UNKNOWN_NAME, field, &what, fields)
                }
            },
        }
    }

    fn report_fold<T>(&mut self, tree: &tree::Aggregate, ty: &Type) -> Option<T> {
        let place = self.place(tree.function.span);
        let help = match tree.function.node {
            Function::Sum => "numbers and money have sums",
            Function::Average => "numbers, percentages and money have averages",
            Function::Min | Function::Max => "numbers, money, dates and moments have a least and a greatest",
            _ => "count the rows, or take the latest one",
        };
        let what = self.text(tree.function.span);
        self.report(
            Diagnostic::new(Code::BAD_FOLD, place, format!("`{what}` cannot be made of {ty}")).help(help),
        )
    }
}

/// The type of a fold of values of a type.
fn result(function: Function, ty: &Type) -> Option<Type> {
    let fits = match function {
        Function::Count | Function::Distinct => return (*ty != Type::Tags).then_some(Type::Number),
        Function::Latest | Function::First => true,
        Function::Sum => matches!(ty, Type::Number | Type::Money(_) | Type::Duration),
        Function::Average => matches!(ty, Type::Number | Type::Percent | Type::Money(_) | Type::Duration),
        Function::Min | Function::Max => matches!(
            ty,
            Type::Number | Type::Percent | Type::Money(_) | Type::Duration | Type::Date | Type::Moment
        ),
    };
    fits.then(|| ty.clone())
}
