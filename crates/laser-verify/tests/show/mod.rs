//! Trees as short s-expressions, for tests.
use laser_verify::ast::Expr;

fn all(v: &[Expr]) -> String {
    v.iter().map(show).collect::<Vec<_>>().join(" ")
}

pub fn show(e: &Expr) -> String {
    match e {
        Expr::Integer(n) => n.to_string(),
        Expr::Decimal { value, places } => format!("{value}.{places}p"),
        Expr::Based { digits, base } => format!("{digits}#{base}"),
        Expr::Constant(c) => format!("{c:?}"),
        Expr::Symbol(s) => s.clone(),
        Expr::Text(t) => format!("{t:?}"),
        Expr::Sum(v) => format!("(+ {})", all(v)),
        Expr::Product(v) => format!("(* {})", all(v)),
        Expr::Quotient(a, b) => format!("(/ {} {})", show(a), show(b)),
        Expr::Power(a, b) => format!("(^ {} {})", show(a), show(b)),
        Expr::Negate(a) => format!("(- {})", show(a)),
        Expr::PlusMinus {
            left,
            right,
            flipped,
        } => format!(
            "({} {} {})",
            if *flipped { "∓" } else { "±" },
            left.as_ref().map_or("_".into(), |l| show(l)),
            show(right)
        ),
        Expr::Percent(a) => format!("{}%", show(a)),
        Expr::Degrees(a) => format!("{}°", show(a)),
        Expr::WithUnit { quantity, unit } => format!("(unit {} {unit:?})", show(quantity)),
        Expr::Call(f, v) => format!("({f:?} {})", all(v)),
        Expr::Apply(f, v) => format!("(apply {f} {})", all(v)),
        Expr::Big {
            kind,
            variable,
            lower,
            upper,
            body,
        } => format!(
            "({kind:?} {variable} [{}] [{}] {})",
            lower.as_ref().map_or(String::new(), |l| show(l)),
            upper.as_ref().map_or(String::new(), |l| show(l)),
            show(body)
        ),
        Expr::Tuple(v) => format!("(tuple {})", all(v)),
        Expr::List(v) => format!("(list {})", all(v)),
        Expr::And(v) => format!("(and {})", all(v)),
        Expr::Or(v) => format!("(or {})", all(v)),
        Expr::Set(v) => format!("(set {})", all(v)),
        Expr::SetBuilder { element, condition } => {
            format!("(builder {} | {})", show(element), show(condition))
        }
        Expr::Interval {
            low,
            high,
            low_closed,
            high_closed,
        } => format!(
            "{}{} , {}{}",
            if *low_closed { "⟦" } else { "⟮" },
            show(low),
            show(high),
            if *high_closed { "⟧" } else { "⟯" }
        ),
        Expr::NumberSet(s) => format!("ℕ{s:?}"),
        Expr::SetOperation(o, v) => format!("({o:?} {})", all(v)),
        Expr::Matrix { columns, entries } => format!("(matrix{columns} {})", all(entries)),
        Expr::Ratio(v) => format!("(: {})", all(v)),
        Expr::Relation { terms, operators } => format!("(rel {} {operators:?})", all(terms)),
    }
}
