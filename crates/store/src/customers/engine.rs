//! The engine's own rows as columns, so that they load like those of the store.

use crate::customers::column::Column;
use crate::customers::table::{BadColumn, Read};
use chrono_tz::Tz;
use tidings_engine::chunk::Needs;
use tidings_plan::past::{GrantRow, KeptRow, SendRow};
use tidings_schema::{Attribute, Raw, Type, Value, Vocabulary, calendar};

/// What stands for the table in reports about values that the engine keeps.
const OWN_STATE: &str = "what the engine keeps";

/// The fields of sent messages. `owner` finds the place of a customer, as [`Read::owners`] has it.
pub(crate) fn sends(rows: &[SendRow], fields: &[&Attribute], zone: Tz, owner: &impl Fn(&str) -> u32) -> Read {
    read(
        rows,
        fields,
        |row| owner(&row.customer),
        |row, field| {
            Some(match field.name.as_str() {
                "template" => word(&row.template, field, zone)?,
                "channel" => word(&row.channel, field, zone)?,
                "rule" => word(&row.rule, field, zone)?,
                "at" => instant(row.at, field, zone),
                _ => return None,
            })
        },
    )
}

/// The fields of granted coupons, likewise.
pub(crate) fn grants(
    rows: &[GrantRow],
    fields: &[&Attribute],
    zone: Tz,
    owner: &impl Fn(&str) -> u32,
) -> Read {
    read(
        rows,
        fields,
        |row| owner(&row.customer),
        |row, field| {
            Some(match field.name.as_str() {
                "coupon" => word(&row.coupon, field, zone)?,
                "rule" => word(&row.rule, field, zone)?,
                "at" => instant(row.at, field, zone),
                "expires" => instant(row.expires?, field, zone),
                _ => return None,
            })
        },
    )
}

fn word(text: &str, field: &Attribute, zone: Tz) -> Option<Value> {
    field.decode(Raw::Text(text), zone).ok().flatten()
}

fn instant(micros: i64, field: &Attribute, zone: Tz) -> Value {
    if field.ty == Type::Date { Value::Date(calendar::day_of(micros, zone)) } else { Value::Moment(micros) }
}

fn read<R>(
    rows: &[R],
    fields: &[&Attribute],
    owner: impl Fn(&R) -> u32,
    value: impl Fn(&R, &Attribute) -> Option<Value>,
) -> Read {
    let columns = fields.iter().map(|field| {
        let mut column = Column::new(&field.ty);
        rows.iter().for_each(|row| column.push(value(row, field)));
        column
    });
    let owners = rows.iter().map(owner).collect();
    Read { rows: rows.len(), owners, columns: columns.collect(), ..Read::default() }
}

/// A column by customer, of whom there are so many, for each needed attribute that the engine keeps.
pub(crate) fn kept(
    vocabulary: &Vocabulary,
    needs: &Needs,
    rows: &[KeptRow],
    (customers, place): (usize, &impl Fn(&str) -> Option<u32>),
    bad: &mut Vec<BadColumn>,
) -> Vec<Column> {
    let attributes = needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id)).filter(|a| a.kept);
    attributes
        .map(|attribute| {
            let mut values = vec![None; customers];
            for row in rows.iter().filter(|row| row.attribute == attribute.name) {
                let slot = place(&row.customer).and_then(|i| values.get_mut(i as usize));
                let Some(slot) = slot else { continue };
                match attribute.decode(Raw::Text(&row.value), vocabulary.zone) {
                    Ok(value) => *slot = value,
                    Err(refused) => refuse(bad, attribute, row, refused.expected),
                }
            }
            let mut column = Column::new(&attribute.ty);
            values.into_iter().for_each(|value| column.push(value));
            column
        })
        .collect()
}

fn refuse(bad: &mut Vec<BadColumn>, attribute: &Attribute, row: &KeptRow, expected: String) {
    match bad.iter_mut().find(|b| b.table == OWN_STATE && b.column == attribute.name) {
        Some(known) => known.count += 1,
        None => bad.push(BadColumn {
            table: OWN_STATE.to_owned(),
            column: attribute.name.clone(),
            count: 1,
            expected,
            first_key: Some(row.customer.clone()),
        }),
    }
}
