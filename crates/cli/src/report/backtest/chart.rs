//! Charts in a line of text.

/// How high a column is, from the lowest that is not nothing.
const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A column for each of some values, in so many signs at most: neighbours share one, as their mean, where there are more.
/// Nothing is a dot.
pub fn columns(values: &[u64], width: usize) -> String {
    let width = width.clamp(1, values.len().max(1));
    let bound = |i: usize| i * values.len() / width;
    let mean = |some: &[u64]| some.iter().sum::<u64>() as f64 / some.len().max(1) as f64;
    let means: Vec<f64> =
        (0..width).map(|i| mean(values.get(bound(i)..bound(i + 1)).unwrap_or_default())).collect();
    let most = means.iter().copied().fold(0.0, f64::max);
    let sign = |value: &f64| match *value {
        v if v <= 0.0 => '·',
        v => COLUMNS.get(((v / most * 8.0).ceil() as usize).clamp(1, 8) - 1).copied().unwrap_or('█'),
    };
    means.iter().map(sign).collect()
}

/// What stands below so many columns: the labels of the first step, the middle one and the last, as far as there is room.
pub fn axis(label: impl Fn(usize) -> String, steps: usize, width: usize) -> String {
    let (width, last) = (width.min(steps), steps.saturating_sub(1));
    let [first, middle, end] = [0, last / 2, last].map(label);
    let wide = first.len();
    let room = |labels: usize| width >= labels * wide + (labels - 1) * 2;
    match () {
        () if steps < 2 => first,
        () if room(3) => {
            let left = (width - wide) / 2 - wide;
            let right = width - 3 * wide - left;
            format!("{first}{}{middle}{}{end}", " ".repeat(left), " ".repeat(right))
        }
        () if room(2) => format!("{first}{}{end}", " ".repeat(width - 2 * wide)),
        () => format!("{first} to {end}"),
    }
}

/// A bar as long as its share of a width; never empty where there is something.
pub fn bar(value: u64, most: u64, width: usize) -> String {
    if value == 0 || most == 0 {
        return String::new();
    }
    let eighths = (value as f64 / most as f64 * width as f64 * 8.0).round().max(1.0) as usize;
    let part = ['▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let rest = (eighths % 8).checked_sub(1).and_then(|i| part.get(i));
    "█".repeat(eighths / 8) + &rest.map(char::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_as_many_dates_as_fit() {
        let day = |i: usize| format!("{i:02}");
        assert_eq!(axis(day, 90, 10), "00  44  89");
        assert_eq!(axis(day, 90, 11).len(), 11, "the last ends where the columns do");
        assert_eq!(axis(day, 90, 9), "00     89");
        assert_eq!((axis(day, 1, 80), axis(day, 3, 80)), ("00".into(), "00 to 02".into()));
    }

    #[test]
    fn columns_are_as_high_as_values_and_share_room() {
        assert_eq!(columns(&[0, 1, 4, 8], 80), "·▁▄█");
        assert_eq!(columns(&[0, 0, 8, 8, 4, 4], 3), "·█▄");
        assert_eq!(columns(&[3, 3, 3], 2), "██");
        assert_eq!(columns(&[], 10), "·");
        assert_eq!(columns(&[1, 1_000_000], 10), "▁█", "what there is shows");
        assert_eq!((bar(1, 2, 4), bar(0, 2, 4), bar(1, 10_000, 4)), ("██".into(), String::new(), "▏".into()));
    }
}
