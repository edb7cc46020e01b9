//! The shop for others to read, our own counts, and our own times whenever asked: `benches/peers/run.sh` calls it.
//! `cargo bench -p tidings-engine --bench peers -- FOLDER CUSTOMERS RULES THREADS RUNS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int16Type, UInt32Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use shop::Shop;
use std::fs;
use std::io::{BufWriter, Write, stdin};
use std::path::Path;
use tidings_engine::chunk::Whole;
use tidings_engine::{Bitmap, Matches};

fn main() {
    tidings_engine::keep_freed();
    let given: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let [folder, sizes @ ..] = given.as_slice() else { return };
    let sizes: Vec<usize> = sizes.iter().map(|a| a.parse().unwrap()).collect();
    let [customers, rules, threads, runs] = sizes[..] else { panic!("FOLDER CUSTOMERS RULES THREADS RUNS") };
    let folder = Path::new(folder);
    let shop = Shop::new(rules, customers);
    write(folder, &shop);
    let (matches, counts) = shop.evaluate(threads);
    let counts: Vec<String> = counts.iter().map(usize::to_string).collect();
    fs::write(folder.join("counts"), counts.join("\n")).unwrap();
    fs::write(folder.join("answers"), answers(&matches[0])).unwrap();
    println!("ready");
    // Measured in turns with the others, since how fast a machine is changes with time.
    for _ in stdin().lines() {
        for _ in 0..runs {
            let [clock, processors] = shop.seconds(threads);
            println!("{clock} {processors}");
        }
    }
}

/// A line for each of the first customers: the numbers of the rules that match.
fn answers(matches: &Matches) -> String {
    let sets: Vec<Bitmap> = matches.rules().map(|rule| rule.then()).collect();
    let own = |customer| {
        let rules = (0..sets.len()).filter(|rule| sets[*rule].contains(customer));
        rules.map(|rule| rule.to_string()).collect::<Vec<_>>().join(" ")
    };
    (0..matches.existing.len()).map(own).collect::<Vec<_>>().join("\n")
}

fn write(folder: &Path, shop: &Shop) {
    let questions: Vec<&str> = shop.questions.iter().map(|q| q.sql.as_str()).collect();
    fs::write(folder.join("questions.sql"), questions.join("\n")).unwrap();
    let vocabulary = &shop.program.vocabulary;
    let needs = shop.evaluator.needs();
    let names = |names: Vec<&str>| format!("id,{}", names.join(","));
    let attributes = needs.attributes.iter().map(|id| vocabulary.attribute(*id).unwrap().name.as_str());
    let orders = vocabulary.collection(needs.collections[0].id).unwrap();
    let fields = needs.collections[0].fields.iter().map(|id| orders.field(*id).unwrap().name.as_str());
    let file = |name: &str, header: String| {
        let mut file = BufWriter::new(fs::File::create(folder.join(name)).unwrap());
        writeln!(file, "{header}").unwrap();
        file
    };
    let mut customers = file("customers.csv", names(attributes.collect()));
    let mut orders = file("orders.csv", names(fields.collect()));
    let mut id = 0;
    for chunk in &shop.chunks {
        let rows = &chunk.collections[0];
        for i in 0..chunk.len() {
            line(&mut customers, id, &chunk.attributes, i);
            for row in rows.offsets[i]..rows.offsets[i + 1] {
                line(&mut orders, id, &rows.fields, row as usize);
            }
            id += 1;
        }
    }
}

fn line(file: &mut impl Write, id: usize, columns: &[ArrayRef], i: usize) {
    write!(file, "{id}").unwrap();
    for column in columns {
        write!(file, ",").unwrap();
        if column.is_null(i) {
            continue;
        }
        if let Some(whole) = Whole::of(column) {
            write!(file, "{}", whole.at(i).unwrap()).unwrap();
            continue;
        }
        match column.data_type() {
            DataType::Float64 => write!(file, "{}", column.as_primitive::<Float64Type>().value(i)),
            DataType::UInt32 => write!(file, "{}", column.as_primitive::<UInt32Type>().value(i)),
            DataType::Boolean => write!(file, "{}", column.as_boolean().value(i)),
            DataType::Dictionary(..) => {
                let texts = column.as_dictionary::<Int16Type>();
                let word = texts.keys().value(i) as usize;
                write!(file, "{}", texts.values().as_string::<i32>().value(word))
            }
            DataType::List(_) => {
                let tags = column.as_list::<i32>().value(i);
                let tags: Vec<&str> = tags.as_string::<i32>().iter().flatten().collect();
                // No tags are not the same as tags that are not known.
                write!(file, "|{}", tags.join("|"))
            }
            other => panic!("the shop has no {other}"),
        }
        .unwrap();
    }
    writeln!(file).unwrap();
}
