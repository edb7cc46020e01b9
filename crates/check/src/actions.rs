//! What rules do: templates, channels, coupons and webhooks that exist, and steps with lasting names.

use crate::Checker;
use crate::program::{Action, NotRun, Step};
use rust_decimal::Decimal;
use std::collections::HashMap;
use tidings_schema::{AttributeId, Type};
use tidings_syntax::tree;
use tidings_syntax::{Code, Diagnostic, Place, Spanned};

impl<'a> Checker<'a> {
    /// The steps of a `then` or `else`, or none where one of them failed.
    pub(crate) fn steps(&mut self, actions: &[Spanned<tree::Action>]) -> Option<Vec<Step>> {
        let mut seen: HashMap<String, u32> = HashMap::new();
        let checked: Vec<Option<Option<Step>>> = actions.iter().map(|a| self.step(a, &mut seen)).collect();
        let steps: Option<Vec<Option<Step>>> = checked.into_iter().collect();
        steps.map(|steps| steps.into_iter().flatten().collect())
    }

    /// One step; `Some(None)` for one that is checked but not run yet.
    fn step(
        &mut self,
        action: &Spanned<tree::Action>,
        seen: &mut HashMap<String, u32>,
    ) -> Option<Option<Step>> {
        let place = self.place(action.span);
        let Some((name, action)) = self.action(&action.node, place)? else { return Some(None) };
        let count = seen.entry(name.clone()).or_insert(0);
        *count += 1;
        let id = if *count == 1 { name } else { format!("{name} {count}") };
        Some(Some(Step { id, action, place }))
    }

    /// An action with the name of its step.
    pub(crate) fn action(&mut self, action: &tree::Action, place: Place) -> Option<Option<(String, Action)>> {
        Some(Some(match action {
            tree::Action::Send { template, channels, coupon } => {
                let found: Vec<Option<()>> = channels.iter().map(|c| self.message(template, c)).collect();
                if let Some(coupon) = coupon {
                    self.coupon(coupon)?;
                }
                found.into_iter().collect::<Option<Vec<()>>>()?;
                let action = Action::Message {
                    template: template.node.clone(),
                    channels: channels.iter().map(|c| c.node.clone()).collect(),
                    coupon: coupon.as_ref().map(|c| c.node.clone()),
                };
                (format!("send {}", template.node), action)
            }
            tree::Action::Coupon(coupon) => {
                self.coupon(coupon)?;
                (format!("coupon {}", coupon.node), Action::Coupon(coupon.node.clone()))
            }
            tree::Action::Call(webhook) => {
                if let Some(known) = &self.world.webhooks
                    && !known.contains(&webhook.node)
                {
                    return self.unknown_among(
                        Code::NO_WEBHOOK,
                        webhook,
                        "webhook",
                        known.iter().map(String::as_str),
                    );
                }
                (format!("call {}", webhook.node), Action::Webhook(webhook.node.clone()))
            }
            tree::Action::Notify(team) => {
                (format!("notify {}", team.node), Action::Notify(team.node.clone()))
            }
            tree::Action::AddTag(tag) => {
                let kept = self.kept_tags(place)?;
                (format!("add tag {}", tag.node), Action::AddTag(kept, tag.node.clone()))
            }
            tree::Action::RemoveTag(tag) => {
                let kept = self.kept_tags(place)?;
                (format!("remove tag {}", tag.node), Action::RemoveTag(kept, tag.node.clone()))
            }
            tree::Action::Set(name, value) => {
                let (id, ty) = self.kept(name)?;
                let value = self.constant_as(value, &ty)?;
                (format!("set {}", name.node), Action::Set(id, value))
            }
            tree::Action::Start(name) => {
                self.journey_name(name)?;
                return self.not_yet("start JOURNEY", place);
            }
            tree::Action::Stop(name) => {
                self.journey_name(name)?;
                return self.not_yet("stop JOURNEY", place);
            }
            tree::Action::Split(variants) => {
                self.split(variants, place);
                return self.not_yet("split", place);
            }
        }))
    }

    fn not_yet<T>(&mut self, what: &'static str, place: Place) -> Option<Option<T>> {
        self.not_run.push(NotRun { what, place, blocks: true });
        Some(None)
    }

    fn split(&mut self, variants: &[Spanned<tree::Variant>], place: Place) {
        let total: Decimal = variants.iter().map(|v| v.node.share.node).sum();
        if total != Decimal::ONE_HUNDRED {
            self.report::<()>(
                Diagnostic::new(
                    Code::BAD_SHARE,
                    place,
                    format!("the shares of a split make 100%, and these make {}%", total.normalize()),
                )
                .help("give the rest to one of them, or to a part that sends nothing else"),
            );
        }
        for variant in variants {
            self.steps(&variant.node.actions);
        }
    }

    /// A channel that can reach customers.
    pub(crate) fn channel(&mut self, channel: &tree::Name) -> Option<()> {
        let (vocabulary, world) = (self.vocabulary, self.world);
        if let Some(channels) = &world.channels
            && !channels.contains(&channel.node)
        {
            return self.unknown_among(
                Code::NO_CHANNEL,
                channel,
                "channel",
                channels.iter().map(String::as_str),
            );
        }
        if vocabulary.contact(&channel.node).is_some() {
            return Some(());
        }
        let place = self.place(channel.span);
        let known: Vec<&str> = vocabulary.contacts.iter().map(|c| c.channel.as_str()).collect();
        let d = Diagnostic::new(
            Code::NO_CHANNEL,
            place,
            format!("schema.yaml does not say how customers are reached by {}", channel.node),
        );
        self.report(match tidings_syntax::suggest::nearest(&channel.node, known.iter().copied()) {
            Some(near) => d.fix(format!("`{near}` was probably meant"), place, near),
            None => {
                d.help(format!("add it under `contact:`, as `{}: {{address: …, consent: …}}`", channel.node))
            }
        })
    }

    fn message(&mut self, template: &tree::Name, channel: &tree::Name) -> Option<()> {
        self.channel(channel)?;
        let world = self.world;
        if world.templates.iter().any(|(t, c)| *t == template.node && *c == channel.node) {
            return Some(());
        }
        let place = self.place(template.span);
        let file = format!("templates/{}.{}.liquid", template.node, channel.node);
        let here = world.templates.iter().filter(|(_, c)| *c == channel.node).map(|(t, _)| t.as_str());
        let d = Diagnostic::new(
            Code::NO_TEMPLATE,
            place,
            format!("there is no {} template `{}`", channel.node, template.node),
        );
        self.report(match tidings_syntax::suggest::nearest(&template.node, here) {
            Some(near) => {
                d.fix(format!("`{near}` was probably meant"), place, near).help(format!("or write `{file}`"))
            }
            None => d.help(format!("write it in `{file}`")),
        })
    }

    fn coupon(&mut self, coupon: &tree::Name) -> Option<()> {
        match &self.world.coupons {
            Some(known) if !known.contains(&coupon.node) => {
                self.unknown_among(Code::NO_COUPON, coupon, "coupon", known.iter().map(String::as_str))
            }
            _ => Some(()),
        }
    }

    /// Whether a name is a coupon's: declared, or any where none is declared.
    pub(crate) fn is_coupon(&self, name: &str) -> bool {
        self.world.coupons.as_ref().is_none_or(|known| known.iter().any(|c| c == name))
    }

    /// The declared coupons.
    pub(crate) fn coupons(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let world = self.world;
        world.coupons.iter().flatten().map(String::as_str)
    }

    fn kept(&mut self, name: &tree::Name) -> Option<(AttributeId, Type)> {
        let vocabulary = self.vocabulary;
        match vocabulary.find_attribute(&name.node) {
            Some((id, attribute)) if attribute.kept => Some((id, attribute.ty.clone())),
            Some(_) => {
                let place = self.place(name.span);
                self.report(
                    Diagnostic::new(
                        Code::NOT_KEPT,
                        place,
                        format!("`{}` belongs to the shop's database, which rules do not change", name.node),
                    )
                    .help("declare another attribute in schema.yaml with `kept: true` and set that"),
                )
            }
            None => {
                let kept = vocabulary.customer.attributes.iter().filter(|a| a.kept).map(|a| a.name.as_str());
                self.unknown_among(Code::UNKNOWN_NAME, name, "attribute", kept)
            }
        }
    }

    /// The one attribute of tags that the engine keeps.
    fn kept_tags(&mut self, place: Place) -> Option<AttributeId> {
        let attributes = self.vocabulary.customer.attributes.iter().enumerate();
        let kept: Vec<usize> =
            attributes.filter(|(_, a)| a.kept && a.ty == Type::Tags).map(|(i, _)| i).collect();
        match kept.as_slice() {
            [one] => Some(AttributeId(*one as u32)),
            _ => self.report(
                Diagnostic::new(
                    Code::NOT_KEPT,
                    place,
                    "tags go into the one attribute of tags that the engine keeps",
                )
                .help("declare it in schema.yaml: `my_tags: {type: tags, kept: true}`"),
            ),
        }
    }
}
