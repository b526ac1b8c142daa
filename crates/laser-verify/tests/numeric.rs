//! Numeric evaluation against mpmath, and what must hold of balls in any case.

use dashu_int::IBig;
use dashu_ratio::RBig;
use laser_verify::ast::{Big, Constant, Expr, Function};
use laser_verify::limits::{Budget, Exhausted};
use laser_verify::numeric::{
    Ball, Domain, NumericError, Point, Real, evaluate, features, variables,
};
use proptest::prelude::*;
use serde_json::Value;
use std::cmp::Ordering;

#[path = "golden/tree.rs"]
mod shapes;
use shapes::{call, difference, int, power, quotient, sqrt, sym, tree};

fn ratio(numerator: i64, denominator: i64) -> RBig {
    RBig::from_parts_signed(numerator.into(), denominator.into())
}

/// The point of tests/golden/numeric.py.
fn golden_point() -> Point<'static> {
    let zero = RBig::ZERO;
    Point::from_iter([
        ("x", (ratio(3, 7), zero.clone())),
        ("y", (ratio(-5, 2), zero)),
        ("z", (ratio(2, 3), ratio(-5, 4))),
        ("w", (ratio(-7, 5), ratio(1, 9))),
    ])
}

/// `2^exponent`.
fn pow2(exponent: i64) -> RBig {
    let power = RBig::from(IBig::ONE << exponent.unsigned_abs() as usize);
    if exponent < 0 {
        RBig::ONE / power
    } else {
        power
    }
}

fn pow10(exponent: i64) -> RBig {
    RBig::from(10).pow(exponent as isize)
}

fn abs(value: RBig) -> RBig {
    if value < RBig::ZERO { -value } else { value }
}

/// `-1.25e-3` as printed by mpmath.
fn decimal(text: &str) -> RBig {
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let value: IBig = format!("{whole}{fraction}").parse().unwrap();
    RBig::from(value) * pow10(exponent.parse::<i64>().unwrap() - fraction.len() as i64)
}

/// Midpoint and radius as rationals.
fn parts(real: &Real, precision: usize) -> (RBig, RBig) {
    if let Some(value) = real.exact() {
        return (value.clone(), RBig::ZERO);
    }
    let (significand, exponent) = real.midpoint(precision);
    let middle = RBig::from(significand) * pow2(exponent);
    (middle, real.radius_log2().map_or(RBig::ZERO, pow2))
}

fn at(expr: &Expr, point: &Point, domain: Domain, precision: usize) -> Result<Ball, NumericError> {
    evaluate(expr, point, domain, precision, &mut Budget::new(1 << 22))
}

fn real(expr: &Expr) -> Result<Ball, NumericError> {
    at(expr, &golden_point(), Domain::Real, 64)
}

fn complex(expr: &Expr) -> Result<Ball, NumericError> {
    at(expr, &golden_point(), Domain::Complex, 64)
}

#[test]
fn golden_values() {
    let lines = include_str!("golden/numeric.jsonl").lines();
    let mut count = 0;
    let mut problems = Vec::new();
    for line in lines {
        let row: Value = serde_json::from_str(line).unwrap();
        let expr = tree(&row["tree"]);
        let domains: &[Domain] = match row["domain"].as_str().unwrap() {
            "real" => &[Domain::Real],
            _ => &[Domain::Complex],
        };
        let golden = ["re", "im"].map(|part| decimal(row[part].as_str().unwrap()));
        let scale = RBig::ONE + abs(golden[0].clone()) + abs(golden[1].clone());
        // Half a digit, and the round-off of mpmath's 400 digits.
        let slack = &scale * pow10(1 - row["digits"].as_i64().unwrap());
        for &domain in domains {
            for precision in [16, 64, 256, 1024] {
                let what = format!("{} at {precision}", row["tree"]);
                let ball = match at(&expr, &golden_point(), domain, precision) {
                    Ok(ball) => ball,
                    Err(NumericError::Undefined) if precision == 16 => continue,
                    Err(error) => {
                        problems.push(format!("{what}: {error}"));
                        continue;
                    }
                };
                count += 1;
                for (part, golden) in [ball.re(), ball.im()].into_iter().zip(&golden) {
                    let (middle, radius) = parts(part, precision);
                    if abs(&middle - golden) > &radius + &slack {
                        problems.push(format!("{what}: outside of the ball"));
                    }
                    if precision > 16 && radius > &scale * pow2(20 - precision as i64) {
                        let log = part.radius_log2();
                        problems.push(format!("{what}: a wide ball, {log:?}"));
                    }
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count > 500, "{count}");
}

#[test]
fn exact_results() {
    let huge = power(int(10), int(40));
    let cases = [
        (
            difference(
                difference(Expr::Sum(vec![huge.clone(), int(1)]), huge.clone()),
                int(1),
            ),
            0,
            1,
        ),
        (call(Function::Floor, [quotient(int(7), int(2))]), 3, 1),
        (call(Function::Ceil, [quotient(int(-7), int(2))]), -3, 1),
        (call(Function::Mod, [int(-7), int(3)]), 2, 1),
        (call(Function::Gcd, [int(12), int(-18), int(8)]), 2, 1),
        (call(Function::Lcm, [int(4), int(6), int(10)]), 60, 1),
        (call(Function::Gcd, [int(0), int(0)]), 0, 1),
        (call(Function::Factorial, [int(6)]), 720, 1),
        (call(Function::DoubleFactorial, [int(7)]), 105, 1),
        (call(Function::Binomial, [int(10), int(3)]), 120, 1),
        (call(Function::Binomial, [int(3), int(10)]), 0, 1),
        (call(Function::Log, [int(8), int(2)]), 3, 1),
        (
            call(Function::Log, [quotient(int(1), int(9)), int(3)]),
            -2,
            1,
        ),
        (sqrt(quotient(int(9), int(16))), 3, 4),
        (call(Function::Root, [int(-27), int(3)]), -3, 1),
        (power(int(-8), quotient(int(2), int(3))), 4, 1),
        (power(int(0), int(0)), 1, 1),
        (power(quotient(int(2), int(3)), int(-2)), 9, 4),
        (
            power(int(-1), Expr::Integer(IBig::from(10).pow(30) + IBig::ONE)),
            -1,
            1,
        ),
        (Expr::Percent(int(28).into()), 7, 25),
        (
            Expr::Based {
                digits: "204".into(),
                base: 5,
            },
            54,
            1,
        ),
        (
            Expr::Decimal {
                value: ratio(5, 2),
                places: 2,
            },
            5,
            2,
        ),
        (
            Expr::WithUnit {
                quantity: int(5).into(),
                unit: "cm".into(),
            },
            5,
            1,
        ),
        (call(Function::Sin, [int(0)]), 0, 1),
        (call(Function::Arccos, [int(1)]), 0, 1),
        (call(Function::Sign, [Expr::Constant(Constant::Pi)]), 1, 1),
        (tree(&serde_json::json!(["sum", "x", 1, 100, "x"])), 5050, 1),
        (tree(&serde_json::json!(["sum", "x", 5, 4, "x"])), 0, 1),
        (
            tree(&serde_json::json!([
                "prod",
                "k",
                1,
                5,
                ["sum", "j", 1, "k", 1]
            ])),
            120,
            1,
        ),
    ];
    for (expr, numerator, denominator) in cases {
        let ball = real(&expr).unwrap();
        assert_eq!(
            ball.re().exact(),
            Some(&ratio(numerator, denominator)),
            "{expr:?}"
        );
        assert!(ball.is_provably_real() && ball.radius_log2().is_none());
    }
    let root = complex(&sqrt(Expr::Sum(vec![
        int(3),
        tree(&serde_json::json!(["*", 4, "i"])),
    ])));
    let root = root.unwrap();
    assert_eq!(
        (root.re().exact(), root.im().exact()),
        (Some(&ratio(2, 1)), Some(&ratio(1, 1)))
    );
}

#[test]
fn errors() {
    use NumericError::{Budget as Spent, NotANumber, OutOfRange, Undefined};
    let pi = || Expr::Constant(Constant::Pi);
    let undefined = [
        quotient(int(1), int(0)),
        power(int(0), int(-1)),
        call(Function::Log, [int(0)]),
        call(Function::Log, [int(5), int(1)]),
        call(Function::Tan, [quotient(pi(), int(2))]),
        call(Function::Cot, [int(0)]),
        call(Function::Artanh, [int(1)]),
        call(Function::Root, [int(5), int(0)]),
        call(Function::Factorial, [int(-1)]),
        quotient(int(1), difference(sqrt(int(2)), sqrt(int(2)))),
        call(Function::Mod, [int(1), int(0)]),
        call(Function::Arg, [int(0)]),
    ];
    for expr in undefined {
        for domain in [Domain::Real, Domain::Complex] {
            assert_eq!(
                at(&expr, &Point::new(), domain, 64).unwrap_err(),
                Undefined,
                "{expr:?}"
            );
        }
    }
    let real_only = [
        sqrt(int(-1)),
        call(Function::Log, [int(-1)]),
        power(int(-1), quotient(int(1), int(2))),
        power(int(-2), pi()),
        call(Function::Arcsin, [int(2)]),
        call(Function::Arccos, [int(-2)]),
        call(Function::Arcosh, [quotient(int(1), int(2))]),
        call(Function::Artanh, [int(-3)]),
        sqrt(Expr::Constant(Constant::I)),
    ];
    for expr in real_only {
        assert_eq!(real(&expr).unwrap_err(), Undefined, "{expr:?}");
        complex(&expr).unwrap();
    }
    let far = power(int(10), power(int(10), int(10)));
    let long = tree(&serde_json::json!(["sum", "k", 1, ["^", 10, 30], "k"]));
    let cases = [
        (far.clone(), OutOfRange),
        (call(Function::Exp, [Expr::Negate(far.into())]), OutOfRange),
        (call(Function::Exp, [power(int(10), int(9))]), OutOfRange),
        (call(Function::Sin, [power(int(2), int(5000))]), OutOfRange),
        (call(Function::Factorial, [int(5001)]), OutOfRange),
        (long, Spent(Exhausted)),
        (sym("unknown"), NotANumber("a variable without a value")),
        (Expr::Constant(Constant::Infinity), NotANumber("infinity")),
        (Expr::Set(vec![]), NotANumber("a set")),
        (
            call(Function::Sin, []),
            NotANumber("a function with a wrong number of arguments"),
        ),
    ];
    for (expr, error) in cases {
        assert_eq!(real(&expr).unwrap_err(), error, "{expr:?}");
    }
    let broke = evaluate(&pi(), &Point::new(), Domain::Real, 64, &mut Budget::new(0));
    assert_eq!(broke.unwrap_err(), Spent(Exhausted));
}

#[test]
fn deep_trees_end() {
    let deep = |depth| (0..depth).fold(int(1), |inner, _| call(Function::Cos, [inner]));
    std::thread::Builder::new()
        .stack_size(1 << 20)
        .spawn(move || {
            assert_eq!(
                real(&deep(600)).unwrap_err(),
                NumericError::Budget(Exhausted)
            );
            real(&deep(500)).unwrap();
            assert!(variables(&deep(600)).is_empty());
        })
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn order_and_bounds() {
    let pi = real(&Expr::Constant(Constant::Pi)).unwrap();
    let near = real(&quotient(int(355), int(113))).unwrap();
    assert_eq!(pi.compare_real(&near), Some(Ordering::Less));
    assert_eq!(pi.compare_real(&pi), None);
    assert_eq!(near.compare_real(&near), Some(Ordering::Equal));
    assert_eq!((pi.log2_upper(), pi.log2_lower()), (Some(2), Some(1)));
    assert!((pi.to_f64_pair().0 - std::f64::consts::PI).abs() < 1e-12);
    assert!(pi.sub(&pi).contains_zero() && pi.sub(&near).excludes_zero());
    let i = complex(&Expr::Constant(Constant::I)).unwrap();
    assert_eq!(i.compare_real(&i), None);
    // A root of what may be zero narrows as the precision grows.
    let zero = difference(Expr::Product(vec![sqrt(int(2)), sqrt(int(2))]), int(2));
    for domain in [Domain::Real, Domain::Complex] {
        for precision in [64, 256] {
            let root = at(&sqrt(zero.clone()), &Point::new(), domain, precision).unwrap();
            assert!(root.contains_zero() && root.radius_log2() < Some(-(precision as i64) / 2));
        }
    }
}

#[test]
fn names_and_features() {
    let sum = tree(&serde_json::json!([
        "sum",
        "k",
        "k",
        "n",
        ["*", "k", "a", ["sin", "b"]]
    ]));
    assert_eq!(variables(&sum), ["a", "b", "k", "n"]);
    let closed = tree(&serde_json::json!(["sum", "k", 1, "n", ["^", "k", 2]]));
    assert_eq!(variables(&closed), ["n"]);
    let set = Expr::SetBuilder {
        element: sym("x").into(),
        condition: Expr::Relation {
            terms: vec![sym("x"), sym("a")],
            operators: vec![laser_verify::ast::Relation::Less],
        }
        .into(),
    };
    assert_eq!(variables(&set), ["a"]);
    let of = |value: Value| {
        let features = features(&tree(&value));
        (features.imaginary, features.branches, features.non_analytic)
    };
    use serde_json::json;
    assert_eq!(
        of(json!(["+", ["^", "x", 2], ["^", "e", "x"]])),
        (false, false, false)
    );
    assert_eq!(of(json!(["^", "x", ["/", 1, 2]])), (false, true, false));
    assert_eq!(of(json!(["*", "i", ["abs", "x"]])), (true, true, true));
    assert_eq!(of(json!(["^", 2, "x"])), (false, false, false));
}

const UNARY: [Function; 34] = [
    Function::Sin,
    Function::Cos,
    Function::Tan,
    Function::Cot,
    Function::Sec,
    Function::Csc,
    Function::Arcsin,
    Function::Arccos,
    Function::Arctan,
    Function::Arccot,
    Function::Arcsec,
    Function::Arccsc,
    Function::Sinh,
    Function::Cosh,
    Function::Tanh,
    Function::Coth,
    Function::Sech,
    Function::Csch,
    Function::Arsinh,
    Function::Arcosh,
    Function::Artanh,
    Function::Exp,
    Function::Log,
    Function::Abs,
    Function::Floor,
    Function::Ceil,
    Function::Factorial,
    Function::DoubleFactorial,
    Function::Arg,
    Function::Re,
    Function::Im,
    Function::Conjugate,
    Function::Sign,
    Function::Transpose,
];

const BINARY: [Function; 8] = [
    Function::Root,
    Function::Log,
    Function::Binomial,
    Function::Gcd,
    Function::Lcm,
    Function::Max,
    Function::Min,
    Function::Mod,
];

/// Trees with every function, at poles, branch points and far away as often as not.
fn trees() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        (-4i64..5).prop_map(int),
        (-60i64..60, 1i64..9).prop_map(|(a, b)| quotient(int(a), int(b))),
        any::<i64>().prop_map(int),
        prop_oneof![
            Just(Expr::Constant(Constant::Pi)),
            Just(Expr::Constant(Constant::E)),
            Just(Expr::Constant(Constant::I)),
        ],
        prop_oneof![Just("x"), Just("y"), Just("z"), Just("w")].prop_map(sym),
    ];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Sum),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Product),
            (boxed(), boxed()).prop_map(|(a, b)| Expr::Quotient(a, b)),
            (boxed(), boxed()).prop_map(|(a, b)| Expr::Power(a, b)),
            boxed().prop_map(Expr::Negate),
            boxed().prop_map(Expr::Degrees),
            (prop::sample::select(&UNARY[..]), inner.clone()).prop_map(|(f, a)| call(f, [a])),
            (prop::sample::select(&UNARY[..]), inner.clone()).prop_map(|(f, a)| call(f, [a])),
            (
                prop::sample::select(&BINARY[..]),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(f, a, b)| call(f, [a, b])),
            (inner.clone(), 0i64..6, inner.clone()).prop_map(|(lower, n, body)| Expr::Big {
                kind: if n % 2 == 0 { Big::Sum } else { Big::Product },
                variable: "x".into(),
                lower: Some(lower.into()),
                upper: Some(int(n).into()),
                body: body.into(),
            }),
        ]
    })
}

/// A Gaussian rational of moderate size.
fn point() -> impl Strategy<Value = Point<'static>> {
    let part = || (-40i64..40, 1i64..12).prop_map(|(a, b)| ratio(a, b));
    (part(), part()).prop_map(|value| Point::from_iter([("z", value)]))
}

/// Does `expr` vanish at `point`, within a narrow ball?
fn vanishes(expr: &Expr, point: &Point) -> Result<(), TestCaseError> {
    for precision in [64, 300] {
        match at(expr, point, Domain::Complex, precision) {
            Ok(ball) => {
                prop_assert!(ball.contains_zero(), "{:?}", ball);
                // exp of the imaginary part takes digits: up to 40 / ln 2 binary ones, twice.
                let radius = ball.radius_log2();
                prop_assert!(radius < Some(130 - precision as i64), "{:?}", ball);
            }
            Err(NumericError::Undefined) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn precisions_agree(expr in trees()) {
        for domain in [Domain::Real, Domain::Complex] {
            let mut balls = Vec::new();
            for precision in [24, 64, 512] {
                let mut budget = Budget::new(1 << 18);
                if let Ok(ball) = evaluate(&expr, &golden_point(), domain, precision, &mut budget) {
                    balls.push(ball);
                }
            }
            for a in &balls {
                for b in &balls {
                    prop_assert!(a.sub(b).contains_zero(), "{a:?} {b:?}");
                }
            }
        }
    }

    #[test]
    fn identities(point in point()) {
        let z = || sym("z");
        let square = |f| power(call(f, [z()]), int(2));
        let exp_log = call(Function::Exp, [call(Function::Log, [z()])]);
        let shapes = [
            difference(Expr::Sum(vec![square(Function::Sin), square(Function::Cos)]), int(1)),
            difference(difference(square(Function::Cosh), square(Function::Sinh)), int(1)),
            difference(exp_log, z()),
            difference(power(sqrt(z()), int(2)), z()),
            difference(power(call(Function::Root, [z(), int(5)]), int(5)), z()),
        ];
        for shape in shapes {
            vanishes(&shape, &point)?;
        }
        let inverses = [
            (Function::Sin, Function::Arcsin),
            (Function::Cos, Function::Arccos),
            (Function::Tan, Function::Arctan),
            (Function::Cot, Function::Arccot),
            (Function::Sec, Function::Arcsec),
            (Function::Csc, Function::Arccsc),
            (Function::Sinh, Function::Arsinh),
            (Function::Cosh, Function::Arcosh),
            (Function::Tanh, Function::Artanh),
        ];
        for (f, inverse) in inverses {
            vanishes(&difference(call(f, [call(inverse, [z()])]), z()), &point)?;
        }
    }
}

/// Microseconds per evaluation; run with `--release -- --ignored timing --nocapture`.
#[test]
#[ignore = "a measurement"]
fn timing() {
    use serde_json::json;
    let nested = json!([
        "/",
        ["root", ["+", ["root", 11, 2], ["root", 194, 2]], 2],
        ["+", 15, ["*", 2, ["root", 33, 2]]]
    ]);
    let shapes = [
        nested,
        json!(["+", ["^", "x", 3], ["*", -2, "x", "y"], ["/", 1, "y"]]),
        json!(["exp", "y"]),
        json!(["log", "x"]),
        json!(["sin", "x"]),
        json!(["arctan", "x"]),
        json!(["arcsin", "z"]),
        json!(["^", "z", "w"]),
    ];
    for shape in shapes {
        let expr = tree(&shape);
        for precision in [64, 512, 4096] {
            let rounds = 20_000 / precision as u32;
            let start = std::time::Instant::now();
            let mut budget = Budget::new(u64::MAX);
            for _ in 0..rounds {
                let ball = evaluate(
                    &expr,
                    &golden_point(),
                    Domain::Complex,
                    precision,
                    &mut budget,
                );
                std::hint::black_box(ball.unwrap());
            }
            let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
            let steps = (u64::MAX - budget.remaining()) / u64::from(rounds);
            println!("{each:9.1} us {steps:6} steps at {precision}: {shape}");
        }
    }
}
