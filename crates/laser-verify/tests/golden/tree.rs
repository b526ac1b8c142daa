//! Short ways to write a tree, and the reader of those in numeric.jsonl.

use laser_verify::ast::{Big, Constant, Expr, Function};
use serde_json::Value;

pub fn int(value: i64) -> Expr {
    Expr::Integer(value.into())
}

pub fn sym(name: &str) -> Expr {
    Expr::Symbol(name.to_owned())
}

pub fn call(function: Function, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    Expr::Call(function, arguments.into_iter().collect())
}

pub fn sqrt(inner: Expr) -> Expr {
    call(Function::Root, [inner, int(2)])
}

pub fn power(base: Expr, exponent: Expr) -> Expr {
    Expr::Power(base.into(), exponent.into())
}

pub fn quotient(a: Expr, b: Expr) -> Expr {
    Expr::Quotient(a.into(), b.into())
}

pub fn difference(a: Expr, b: Expr) -> Expr {
    Expr::Sum(vec![a, Expr::Negate(b.into())])
}

fn function(name: &str) -> Function {
    use Function as F;
    match name {
        "sin" => F::Sin,
        "cos" => F::Cos,
        "tan" => F::Tan,
        "cot" => F::Cot,
        "sec" => F::Sec,
        "csc" => F::Csc,
        "arcsin" => F::Arcsin,
        "arccos" => F::Arccos,
        "arctan" => F::Arctan,
        "arccot" => F::Arccot,
        "arcsec" => F::Arcsec,
        "arccsc" => F::Arccsc,
        "sinh" => F::Sinh,
        "cosh" => F::Cosh,
        "tanh" => F::Tanh,
        "coth" => F::Coth,
        "sech" => F::Sech,
        "csch" => F::Csch,
        "arsinh" => F::Arsinh,
        "arcosh" => F::Arcosh,
        "artanh" => F::Artanh,
        "exp" => F::Exp,
        "log" => F::Log,
        "root" => F::Root,
        "abs" => F::Abs,
        "arg" => F::Arg,
        "re" => F::Re,
        "im" => F::Im,
        "conj" => F::Conjugate,
        "floor" => F::Floor,
        "ceil" => F::Ceil,
        "factorial" => F::Factorial,
        "double" => F::DoubleFactorial,
        "binomial" => F::Binomial,
        "mod" => F::Mod,
        "max" => F::Max,
        "min" => F::Min,
        "sign" => F::Sign,
        other => panic!("unknown function {other}"),
    }
}

/// The tree that a line of the golden file writes.
pub fn tree(value: &Value) -> Expr {
    let parts = match value {
        Value::Number(number) => return int(number.as_i64().unwrap()),
        Value::String(name) => {
            return match name.as_str() {
                "pi" => Expr::Constant(Constant::Pi),
                "e" => Expr::Constant(Constant::E),
                "i" => Expr::Constant(Constant::I),
                name => sym(name),
            };
        }
        other => other.as_array().unwrap(),
    };
    let name = parts[0].as_str().unwrap();
    if let "sum" | "prod" = name {
        return Expr::Big {
            kind: if name == "sum" {
                Big::Sum
            } else {
                Big::Product
            },
            variable: parts[1].as_str().unwrap().to_owned(),
            lower: Some(tree(&parts[2]).into()),
            upper: Some(tree(&parts[3]).into()),
            body: tree(&parts[4]).into(),
        };
    }
    let mut arguments: Vec<Expr> = parts[1..].iter().map(tree).collect();
    match name {
        "+" => Expr::Sum(arguments),
        "*" => Expr::Product(arguments),
        "-" => Expr::Negate(arguments.remove(0).into()),
        "percent" => Expr::Percent(arguments.remove(0).into()),
        "degrees" => Expr::Degrees(arguments.remove(0).into()),
        "/" => quotient(arguments.remove(0), arguments.remove(0)),
        "^" => power(arguments.remove(0), arguments.remove(0)),
        name => Expr::Call(function(name), arguments),
    }
}
