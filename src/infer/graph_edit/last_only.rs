//! Of an output over a sequence only the last is wanted: the sequence is cut before the product that makes it.
//!
//! From the output back, each node must give of every place in the sequence what it takes of the same place, whatever the
//! others are; up to the first matrix product with weights, behind which the work is. What that product takes is cut to its
//! last place.

use super::nodes::{Graph, Node, Survey, with_inputs};
use super::write::{self, Change};
use std::ops::Range;

/// # Errors
/// Why the output cannot be cut.
pub(super) fn changes(
    survey: &Survey,
    output: &str,
    mut read: impl FnMut(Range<u64>) -> Result<Vec<u8>, String>,
) -> Result<Vec<Change>, String> {
    let node = product(&survey.graph, output)?;
    let (nodes, bounds) = written(&read(node.payload.clone())?, node, &survey.graph)?;
    let end = survey.graph_payload.end;
    Ok(vec![Change { at: node.field_at..node.payload.end, bytes: nodes }, Change { at: end..end, bytes: bounds }])
}

/// How far weights may be from what computes them out of other weights.
const DEPTH: usize = 8;

/// The product before which an output's sequence can be cut: its first input has it.
///
/// # Errors
/// Why it cannot.
fn product<'a>(graph: &'a Graph, output: &str) -> Result<&'a Node, String> {
    match graph.outputs.get(output) {
        Some(3) if graph.opset >= 10 => {}
        Some(3) => return Err(format!("operator set {} has no slices with computed bounds", graph.opset)),
        Some(dimensions) => return Err(format!("the output {output} has {dimensions} dimensions, expected 3")),
        None => return Err(format!("there is no output {output}")),
    }
    let mut tensor = output;
    // Each step goes one node back; a graph in a circle is none.
    for _ in 0..graph.nodes.len() {
        let (index, at) = graph.source(tensor).ok_or_else(|| format!("no node gives {tensor}"))?;
        let node = &graph.nodes[index];
        let is_elsewhere = tensor != output && graph.outputs.contains_key(tensor);
        if at != 0 || is_elsewhere || graph.uses(tensor) != usize::from(tensor != output) {
            return Err(format!("{tensor} is wanted elsewhere too"));
        }
        if is_product(node) && node.inputs.iter().skip(1).all(|input| graph.is_constant(input, weights_of(node), DEPTH))
        {
            return Ok(node);
        }
        tensor = through(graph, node).ok_or_else(|| format!("{} stands before {tensor}", node.operator))?;
    }
    Err(format!("{output} comes from itself"))
}

/// A product of what has the sequence, its first input, with weights.
fn is_product(node: &Node) -> bool {
    match node.own() {
        Some(operator) => matches!(operator, "MatMul" | "MatMulInteger" | "QLinearMatMul"),
        None => node.domain == "com.microsoft" && node.operator == "MatMulNBits",
    }
}

/// The input whose places a node maps one by one.
fn through<'a>(graph: &Graph, node: &'a Node) -> Option<&'a str> {
    match node.own()? {
        "Cast" | "Identity" | "Tanh" | "Sigmoid" | "Relu" | "Neg" => node.inputs.first().map(String::as_str),
        "QuantizeLinear" | "DequantizeLinear" | "Clip" => {
            let (first, others) = node.inputs.split_first()?;
            others.iter().all(|input| input.is_empty() || graph.is_constant(input, ROW, DEPTH)).then_some(first)
        }
        "Add" | "Sub" | "Mul" | "Div" => {
            let mut along = node.inputs.iter().filter(|input| !graph.is_constant(input, ROW, DEPTH));
            along.next().filter(|_| along.next().is_none()).map(String::as_str)
        }
        _ => None,
    }
}

/// The shapes of a product's weights for which it has as many dimensions as its first input: what has the sequence is
/// then `[batch, sequence, width]`, as the output is.
fn weights_of(product: &Node) -> Fits {
    let is_matrix: fn(&[u64]) -> bool = if product.own().is_some() { |shape| shape.len() <= 2 } else { |_| true };
    Fits { shape: is_matrix, may_be_turned: true }
}

/// One row, so that all places of a sequence are combined with the same numbers, and no more dimensions than a product of
/// matrices, to which a third would otherwise be added here.
const ROW: Fits =
    Fits { shape: |shape| shape.len() <= 2 && shape.iter().rev().skip(1).all(|size| *size == 1), may_be_turned: false };

/// Which weights will do.
#[derive(Clone, Copy)]
struct Fits {
    shape: fn(&[u64]) -> bool,
    /// Whether what only moves or renames dimensions may stand behind them: their shapes are judged before.
    may_be_turned: bool,
}

impl Graph {
    /// Whether a tensor is made of weights of such shapes alone, or is one scale for a whole tensor.
    fn is_constant(&self, tensor: &str, fits: Fits, depth: usize) -> bool {
        if let Some(shape) = self.initializers.get(tensor) {
            return (fits.shape)(shape);
        }
        let Some((node, output)) = self.source(tensor).map(|(node, output)| (&self.nodes[node], output)) else {
            return false;
        };
        match node.own() {
            Some("Constant") => node.constant.as_ref().is_none_or(|shape| (fits.shape)(shape)),
            // Scale and zero point of a whole tensor.
            Some("DynamicQuantizeLinear") => output > 0,
            Some("Transpose" | "Squeeze" | "Unsqueeze") if !fits.may_be_turned => false,
            Some("Mul" | "Cast" | "Identity" | "Transpose" | "DequantizeLinear" | "Squeeze" | "Unsqueeze") => {
                depth > 0 && node.inputs.iter().all(|input| self.is_constant(input, fits, depth - 1))
            }
            _ => false,
        }
    }
}

/// Fields of GraphProto: the node `old` (a NodeProto) behind one that cuts its input, and the bounds of the cut among the
/// weights.
///
/// # Errors
/// Where the node cannot be read.
fn written(old: &[u8], product: &Node, graph: &Graph) -> Result<(Vec<u8>, Vec<u8>), String> {
    let whole = product.inputs.first().ok_or("a product of nothing")?;
    let [last, starts, ends, axes] = ["last", "last_starts", "last_ends", "last_axes"].map(|like| graph.new_name(like));
    let mut slice = Vec::new();
    for input in [whole, &starts, &ends, &axes] {
        write::bytes(&mut slice, 1, input.as_bytes());
    }
    write::bytes(&mut slice, 2, last.as_bytes());
    write::bytes(&mut slice, 3, last.as_bytes());
    write::bytes(&mut slice, 4, b"Slice");
    let (mut nodes, mut bounds) = (Vec::new(), Vec::new());
    write::bytes(&mut nodes, 1, &slice);
    write::bytes(&mut nodes, 1, &with_inputs(old, |place, _| (place == 0).then_some(&last))?);
    for (name, value) in [(starts, -1), (ends, i64::MAX), (axes, 1)] {
        let mut bound = Vec::new();
        write::number(&mut bound, 1, 1);
        // TensorProto.DataType.INT64
        write::number(&mut bound, 2, 7);
        write::bytes(&mut bound, 8, name.as_bytes());
        write::bytes(&mut bound, 9, &value.to_le_bytes());
        write::bytes(&mut bounds, 5, &bound);
    }
    Ok((nodes, bounds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name = Operator(inputs)` lines; weights as `name: sizes`.
    fn graph(text: &str) -> Graph {
        let mut graph = Graph { opset: 17, ..Graph::default() };
        graph.outputs.insert("logits".to_owned(), 3);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let Some((outputs, call)) = line.split_once(" = ") else {
                let (name, shape) = line.split_once(':').unwrap();
                graph
                    .initializers
                    .insert(name.to_owned(), shape.split_whitespace().map(|size| size.parse().unwrap()).collect());
                continue;
            };
            let (operator, inputs) = call.trim_end_matches(')').split_once('(').unwrap();
            let (domain, operator) = operator.split_once('/').unwrap_or(("", operator));
            let names = |text: &str| text.split(", ").map(str::to_owned).collect();
            graph.nodes.push(Node {
                inputs: names(inputs),
                outputs: names(outputs),
                operator: operator.to_owned(),
                domain: domain.to_owned(),
                ..Node::default()
            });
        }
        graph
    }

    fn cut(text: &str) -> Result<String, String> {
        product(&graph(text), "logits").map(|node| node.inputs[0].clone())
    }

    #[test]
    fn the_sequence_is_cut_before_the_product_with_the_vocabulary() {
        assert_eq!(cut("w: 64 1000\nlogits = MatMul(hidden, w)"), Ok("hidden".to_owned()));
        // Tied weights are turned over in the graph; a bias, a cap and another precision follow.
        let tied = "embedding: 1000 64\nbias: 1000\ncap:\n\
                    w = Transpose(embedding)\n\
                    product = MatMul(hidden, w)\n\
                    sum = Add(bias, product)\n\
                    small = Div(sum, cap)\n\
                    soft = Tanh(small)\n\
                    large = Mul(soft, cap)\n\
                    logits = Cast(large)";
        assert_eq!(cut(tied), Ok("hidden".to_owned()));
    }

    #[test]
    fn quantized_products_are_cut_behind_their_scales() {
        let dynamic = "w: 64 1000\nw_zero:\nw_scale:\n\
                       q, scale, zero = DynamicQuantizeLinear(hidden)\n\
                       product = MatMulInteger(q, w, zero, w_zero)\n\
                       scales = Mul(scale, w_scale)\n\
                       float = Cast(product)\n\
                       logits = Mul(float, scales)";
        assert_eq!(cut(dynamic), Ok("q".to_owned()));
        let blocks = "w: 1000 2 16\nscales: 2000\nlogits = com.microsoft/MatMulNBits(hidden, w, scales)";
        assert_eq!(cut(blocks), Ok("hidden".to_owned()));
    }

    #[test]
    fn a_graph_that_does_otherwise_stays_as_it_is() {
        for (text, reason) in [
            ("logits = If(use_cache_branch)", "If stands before logits"),
            ("w: 64 10\nlogits = MatMul(hidden, w)\nbest = ArgMax(logits)", "logits is wanted elsewhere too"),
            ("w: 64 10\nx = MatMul(hidden, w)\nlogits = Softmax(x)", "Softmax stands before logits"),
            ("logits = MatMul(hidden, other)", "MatMul stands before logits"),
            ("w: 64 10\nmask: 1 7 10\nx = MatMul(hidden, w)\nlogits = Add(x, mask)", "Add stands before logits"),
            ("w: 64 10\nmask: 7 10\nx = MatMul(hidden, w)\nlogits = Add(x, mask)", "Add stands before logits"),
            ("w: 64 10\nx = MatMul(hidden, w)\nlogits = Add(x, y)\ny = Neg(x)", "Add stands before logits"),
            ("w: 1 64 10\nlogits = MatMul(hidden, w)", "MatMul stands before logits"),
            ("w: 64 10\nb: 1 1 10\nx = MatMul(hidden, w)\nlogits = Add(x, b)", "Add stands before logits"),
            (
                "w: 64 10\nb: 1 7\nturned = Transpose(b)\nx = MatMul(hidden, w)\nlogits = Add(x, turned)",
                "Add stands before logits",
            ),
            ("logits = Cast(logits)", "logits is wanted elsewhere too"),
        ] {
            assert_eq!(cut(text), Err(reason.to_owned()), "{text}");
        }
        let mut flat = graph("w: 64 10\nlogits = MatMul(hidden, w)");
        flat.outputs.insert("logits".to_owned(), 2);
        assert_eq!(product(&flat, "logits").unwrap_err(), "the output logits has 2 dimensions, expected 3");
        assert_eq!(product(&flat, "loss").unwrap_err(), "there is no output loss");
    }
}
