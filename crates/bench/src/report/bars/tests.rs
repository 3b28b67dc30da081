use super::*;

fn chart(scale: Scale, values: &[Option<[f64; 3]>]) -> Chart {
    let bar = |value: &Option<[f64; 3]>| value.and_then(Spread::of);
    Chart {
        title: "A <title> & more".to_owned(),
        axis: "messages/s".to_owned(),
        scale,
        series: (0..values.len())
            .map(|n| Series { name: format!("system {n}"), colour: n % COLOURS })
            .collect(),
        groups: vec![Group { label: "N = 1".to_owned(), bars: values.iter().map(bar).collect() }],
    }
}

/// Heights of the bars, by their class, without those of the legend.
fn heights(svg: &str) -> Vec<f64> {
    let bars = svg.lines().filter(|line| line.contains("</title></rect>"));
    let height = |line: &str| line.split("height=\"").nth(1)?.split('"').next()?.parse().ok();
    bars.filter_map(height).collect()
}

#[test]
fn a_bar_twice_as_long_is_twice_as_much() {
    let svg = chart(Scale::Linear, &[Some([100.0; 3]), Some([50.0; 3])]).svg().unwrap();
    let heights = heights(&svg);
    assert!((heights[0] / heights[1] - 2.0).abs() < 0.01, "{heights:?}");
}

#[test]
fn on_a_logarithmic_axis_equal_steps_are_equal_factors() {
    let svg = chart(Scale::Logarithmic, &[Some([1.0; 3]), Some([10.0; 3]), Some([100.0; 3])]).svg().unwrap();
    let heights = heights(&svg);
    let steps = (heights[1] - heights[0], heights[2] - heights[1]);
    assert!((steps.0 - steps.1).abs() < 0.3 && heights[0] > 10.0, "{heights:?}");
}

#[test]
fn what_was_not_measured_has_no_bar_and_nothing_at_all_no_chart() {
    let svg = chart(Scale::Linear, &[Some([1.0; 3]), None]).svg().unwrap();
    assert_eq!(heights(&svg).len(), 1);
    assert!(chart(Scale::Linear, &[None]).svg().is_none());
    assert!(chart(Scale::Linear, &[]).svg().is_none());
    assert!(chart(Scale::Logarithmic, &[Some([0.0; 3])]).svg().is_none());
}

#[test]
fn a_zero_on_a_logarithmic_axis_is_a_bar_of_no_height() {
    let svg = chart(Scale::Logarithmic, &[Some([0.0; 3]), Some([1.0; 3])]).svg().unwrap();
    assert!(heights(&svg)[0].abs() < f64::EPSILON && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn whiskers_reach_from_the_least_to_the_greatest() {
    let svg = chart(Scale::Linear, &[Some([50.0, 75.0, 100.0])]).svg().unwrap();
    let path = svg.split("class=\"whisker\" d=\"M").nth(1).unwrap();
    let numbers: Vec<f64> =
        path.split([' ', 'V', 'M', 'H', '"']).take(3).map(|number| number.parse().unwrap()).collect();
    let floor = HEIGHT - BOTTOM;
    assert!(((floor - numbers[2]) / (floor - numbers[1]) - 2.0).abs() < 0.01, "{numbers:?}");
}

#[test]
fn text_is_escaped_and_every_element_is_closed() {
    let svg = chart(Scale::Linear, &[Some([1.0; 3]), Some([3.0; 3])]).svg().unwrap();
    assert!(svg.contains("A &lt;title&gt; &amp; more") && !svg.contains("A <title>"));
    for element in ["svg", "text", "title", "style"] {
        let opened =
            svg.matches(&format!("<{element}>")).count() + svg.matches(&format!("<{element} ")).count();
        assert_eq!(opened, svg.matches(&format!("</{element}>")).count(), "{element}");
    }
}

#[test]
fn an_axis_has_a_few_round_ticks_whatever_the_size() {
    for top in [0.003, 0.9, 1.0, 7.4, 42.0, 1_030_000.0] {
        let chart = chart(Scale::Linear, &[Some([top; 3])]);
        let (bottom, top) = chart.range().unwrap();
        let ticks = chart.ticks(bottom, top);
        assert!((4..=9).contains(&ticks.len()), "{top}: {ticks:?}");
    }
}

#[test]
fn labels_are_short() {
    let expected = [
        (0.0, "0"),
        (0.2, "0.2"),
        (0.004, "0.004"),
        (12.0, "12"),
        (81_234.0, "81k"),
        (9.996, "10"),
        (790_000.0, "790k"),
        (1_030_000.0, "1.03M"),
        (999_600.0, "1M"),
    ];
    for (value, text) in expected {
        assert_eq!(label(value), text);
    }
}
