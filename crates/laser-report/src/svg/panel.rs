//! A panel: axes, and marks placed in data coordinates.
//!
//! Colours, widths and dashes are classes; the page's style sheet gives them meaning.

use super::Axis;
use crate::html::escape;

/// Width of an average character of the tick labels, in drawing units.
const CHARACTER: f64 = 6.3;
/// Height of one line of text, in drawing units.
const TEXT: f64 = 14.0;

/// The shape of a point, so that series differ without colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
}

/// An SVG picture under construction.
pub struct Panel {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
    body: String,
    hits: String,
}

impl Panel {
    /// An empty panel with grid, ticks and titles; `width` and `height` in drawing units.
    pub fn new(width: f64, height: f64, x: Axis, y: Axis) -> Panel {
        let left = (y.label_width() as f64 * CHARACTER + 10.0).max(26.0);
        let y_title = if y.title.is_empty() { 8.0 } else { TEXT + 8.0 };
        let below = match (x.label_width(), x.title.is_empty()) {
            (0, _) => 6.0,
            (_, true) => TEXT + 6.0,
            (_, false) => 2.0 * TEXT + 8.0,
        };
        let mut panel = Panel {
            width,
            height,
            left,
            right: width - 12.0,
            top: y_title,
            bottom: height - below,
            x,
            y,
            body: String::new(),
            hits: String::new(),
        };
        panel.draw_axes();
        panel
    }

    fn draw_axes(&mut self) {
        let mut out = String::from("<g class=\"axes\">");
        for (value, label) in self.y.ticks() {
            let y = coordinate(self.at_y(*value));
            out.push_str(&format!(
                "<path class=\"grid\" d=\"M{} {y}H{}\"/><text x=\"{}\" y=\"{y}\" dy=\".35em\" \
                 text-anchor=\"end\">{label}</text>",
                coordinate(self.left),
                coordinate(self.right),
                coordinate(self.left - 6.0),
            ));
        }
        let base = coordinate(self.bottom);
        for (value, label) in self.x.ticks() {
            let x = coordinate(self.at_x(*value));
            out.push_str(&format!(
                "<path class=\"tick\" d=\"M{x} {base}v4\"/><text x=\"{x}\" y=\"{}\" \
                 text-anchor=\"middle\">{label}</text>",
                coordinate(self.bottom + TEXT + 2.0),
            ));
        }
        out.push_str(&format!(
            "<path class=\"tick\" d=\"M{} {base}H{}\"/>",
            coordinate(self.left),
            coordinate(self.right)
        ));
        if !self.y.title.is_empty() {
            out.push_str(&format!(
                "<text class=\"title\" x=\"0\" y=\"11\">{}</text>",
                escape(&self.y.title)
            ));
        }
        if !self.x.title.is_empty() && self.x.label_width() > 0 {
            out.push_str(&format!(
                "<text class=\"title\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                coordinate((self.left + self.right) / 2.0),
                coordinate(self.height - 3.0),
                escape(&self.x.title)
            ));
        }
        out.push_str("</g>");
        self.body.push_str(&out);
    }

    fn at_x(&self, value: f64) -> f64 {
        self.left + self.x.place(value) * (self.right - self.left)
    }

    fn at_y(&self, value: f64) -> f64 {
        self.bottom + self.y.place(value) * (self.top - self.bottom)
    }

    fn point(&self, (x, y): (f64, f64)) -> String {
        format!("{} {}", coordinate(self.at_x(x)), coordinate(self.at_y(y)))
    }

    /// A line through the points.
    pub fn line(&mut self, points: &[(f64, f64)], class: &str) {
        if points.is_empty() {
            return;
        }
        let d: Vec<String> = points.iter().map(|&p| self.point(p)).collect();
        self.body.push_str(&format!(
            "<path class=\"line {class}\" d=\"M{}\"/>",
            d.join("L")
        ));
    }

    /// Faint raw points, all in one element.
    pub fn dots(&mut self, points: &[(f64, f64)], class: &str) {
        if points.is_empty() {
            return;
        }
        let d: String = points
            .iter()
            .map(|&p| format!("M{}h0", self.point(p)))
            .collect();
        self.body
            .push_str(&format!("<path class=\"dots {class}\" d=\"{d}\"/>"));
    }

    /// A filled band between a lower and an upper value at each x.
    pub fn band(&mut self, points: &[(f64, f64, f64)], class: &str) {
        if points.is_empty() {
            return;
        }
        let lower = points.iter().map(|&(x, low, _)| self.point((x, low)));
        let upper = points
            .iter()
            .rev()
            .map(|&(x, _, high)| self.point((x, high)));
        let d: Vec<String> = lower.chain(upper).collect();
        self.body.push_str(&format!(
            "<path class=\"band {class}\" d=\"M{}Z\"/>",
            d.join("L")
        ));
    }

    /// A filled rectangle between two corners.
    pub fn bar(&mut self, from: (f64, f64), to: (f64, f64), class: &str, title: &str) {
        let (x0, x1) = (self.at_x(from.0), self.at_x(to.0));
        let (y0, y1) = (self.at_y(from.1), self.at_y(to.1));
        // A hairline between neighbours; thin ones overlap instead, or seams would show.
        let gap = if (x1 - x0).abs() > 8.0 { 0.6 } else { -0.3 };
        self.body.push_str(&format!(
            "<rect class=\"bar {class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\">\
             <title>{}</title></rect>",
            coordinate(x0.min(x1) + gap),
            coordinate(y0.min(y1)),
            coordinate(((x1 - x0).abs() - 2.0 * gap).max(0.1)),
            coordinate((y1 - y0).abs()),
            escape(title)
        ));
    }

    /// A marker with an optional interval and a hover title.
    pub fn marker(
        &mut self,
        at: (f64, f64),
        interval: Option<(f64, f64)>,
        marker: Marker,
        class: &str,
        title: &str,
    ) {
        let (x, y) = (self.at_x(at.0), self.at_y(at.1));
        let whisker = interval.map_or(String::new(), |(low, high)| {
            format!(
                "<path class=\"whisker\" d=\"M{x} {low}V{high}M{a} {low}h6M{a} {high}h6\"/>",
                x = coordinate(x),
                a = coordinate(x - 3.0),
                low = coordinate(self.at_y(low)),
                high = coordinate(self.at_y(high))
            )
        });
        self.body.push_str(&format!(
            "<g class=\"marker {class}\">{whisker}<path d=\"{}\"/><title>{}</title></g>",
            marker_path(marker, x, y, 3.5),
            escape(title)
        ));
    }

    /// A horizontal reference line with its label at the right end, above the line.
    pub fn across(&mut self, y: f64, label: &str) {
        let at = self.at_y(y);
        self.body.push_str(&format!(
            "<path class=\"reference\" d=\"M{} {y}H{right}\"/><text class=\"note\" x=\"{right}\" \
             y=\"{}\" text-anchor=\"end\">{}</text>",
            coordinate(self.left),
            coordinate(at - 4.0),
            escape(label),
            y = coordinate(at),
            right = coordinate(self.right),
        ));
    }

    /// A vertical reference line with a label to its left and to its right, at the top.
    pub fn upright(&mut self, x: f64, before: &str, after: &str) {
        let at = self.at_x(x);
        let text = |x: f64, anchor: &str, label: &str| {
            format!(
                "<text class=\"note\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                coordinate(x),
                coordinate(self.top + 10.0),
                escape(label)
            )
        };
        let marks = format!(
            "<path class=\"reference\" d=\"M{} {}V{}\"/>{}{}",
            coordinate(at),
            coordinate(self.top),
            coordinate(self.bottom),
            text(at - 6.0, "end", before),
            text(at + 6.0, "start", after)
        );
        self.body.push_str(&marks);
    }

    /// An invisible upright strip that answers the pointer with `title`.
    pub fn hit(&mut self, from: f64, to: f64, title: &str) {
        let (x0, x1) = (self.at_x(from), self.at_x(to));
        self.hits.push_str(&format!(
            "<rect class=\"hit\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            coordinate(x0),
            coordinate(self.top),
            coordinate((x1 - x0).max(0.1)),
            coordinate(self.bottom - self.top),
            escape(title)
        ));
    }

    /// The finished picture; `label` says what it shows to those who cannot see it.
    pub fn finish(self, label: &str) -> String {
        // Strips lie under the marks where there are markers with titles of their own.
        format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}{}</svg>",
            coordinate(self.width),
            coordinate(self.height),
            escape(label),
            self.hits,
            self.body
        )
    }
}

/// A coordinate with one decimal, as short as it can be written.
pub fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    let short = text.strip_suffix(".0").unwrap_or(&text);
    if short == "-0" {
        "0".to_owned()
    } else {
        short.to_owned()
    }
}

/// The outline of a marker around a point in drawing units.
pub fn marker_path(marker: Marker, x: f64, y: f64, radius: f64) -> String {
    let c = coordinate;
    let r = radius;
    match marker {
        Marker::Circle => format!(
            "M{} {}a{r} {r} 0 1 0 {d} 0a{r} {r} 0 1 0 -{d} 0Z",
            c(x - r),
            c(y),
            r = c(r),
            d = c(2.0 * r)
        ),
        Marker::Square => {
            let s = r * 0.88;
            format!("M{} {}h{d}v{d}h-{d}Z", c(x - s), c(y - s), d = c(2.0 * s))
        }
        Marker::Triangle => format!(
            "M{} {}L{} {}H{}Z",
            c(x),
            c(y - 1.15 * r),
            c(x + 1.1 * r),
            c(y + 0.85 * r),
            c(x - 1.1 * r)
        ),
        Marker::Diamond => {
            let s = r * 1.25;
            format!(
                "M{} {}L{} {}L{} {}L{} {}Z",
                c(x - s),
                c(y),
                c(x),
                c(y - s),
                c(x + s),
                c(y),
                c(x),
                c(y + s)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::Labels;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(coordinate(12.04), "12");
        assert_eq!(coordinate(-0.01), "0");
        assert_eq!(coordinate(3.25), "3.2");
    }

    #[test]
    fn the_corners_of_the_data_are_the_corners_of_the_panel() {
        let axis = |title| Axis::exact(title, Labels::Number, (0.0, 1.0), 4);
        let mut panel = Panel::new(200.0, 100.0, axis("x"), axis("y"));
        panel.line(&[(0.0, 0.0), (1.0, 1.0)], "c1");
        let expected = format!(
            "M{} {}L{} {}",
            coordinate(panel.left),
            coordinate(panel.bottom),
            coordinate(panel.right),
            coordinate(panel.top)
        );
        assert!(panel.finish("").contains(&expected));
    }
}
