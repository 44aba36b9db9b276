//! Turns a claim's syntax tree into one in which every figure is a variable of its own.
//!
//! Each path that begins with `arm` (of one trial: each path), each `sweep("...")`, `knee("...")`
//! and `search("...")` is resolved against the names of the scenario and replaced, so that
//! evaluation cannot meet an unknown name. Whole numbers become doubles, since figures are doubles
//! and CEL does not mix the two in arithmetic.

use cel::IdedExpr;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SourceInfo, operators,
};

use super::formula::ClaimError;
use super::reference::Reference;
use super::scoped::PathProblem;
use super::share::Share;
use super::vocabulary::Vocabulary;

/// What an expression is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All arms of a round: `arm.NAME.PHASE.FIGURE`.
    Arms,
    /// One trial: `PHASE.FIGURE`.
    Trial,
    /// What a search came to: `search("crossing")`.
    Search,
}

/// Replaces figures in a tree and collects them.
pub struct Resolver<'a> {
    names: &'a Vocabulary,
    scope: Scope,
    source: &'a SourceInfo,
    /// Variables that macros such as `all` introduce, innermost last.
    bound: Vec<String>,
    pub references: Vec<Reference>,
    pub shares: Vec<Share>,
}

type Resolve = fn(&str, &Vocabulary) -> Result<Reference, PathProblem>;

/// A path as written: where it begins and its segments, without the `arm` that it begins with.
struct Path {
    start: u64,
    segments: Vec<String>,
}

/// The variable that stands for a reference: a name that no claim can spell.
pub fn variable(index: usize) -> String {
    format!("#{index}")
}

impl<'a> Resolver<'a> {
    pub fn new(names: &'a Vocabulary, source: &'a SourceInfo, scope: Scope) -> Self {
        Self {
            names,
            scope,
            source,
            bound: Vec::new(),
            references: Vec::new(),
            shares: Vec::new(),
        }
    }

    pub fn resolve(&mut self, node: &mut IdedExpr) -> Result<(), ClaimError> {
        if let Some(path) = self.figure_path(node)? {
            let resolve = match self.scope {
                Scope::Trial => Reference::of_trial,
                Scope::Arms | Scope::Search => Reference::of_arm,
            };
            let reference = resolve(&path.segments, self.names)
                .map_err(|problem| self.in_path(&path, problem))?;
            node.expr = self.replacement(reference);
            return Ok(());
        }
        match &mut node.expr {
            Expr::Call(call) => {
                if let Some(reference) = self.function(node.id, call)? {
                    node.expr = self.replacement(reference);
                    return Ok(());
                }
                self.resolve_call(call)?;
                self.shares.extend(Share::asked_for_in(call));
                return Ok(());
            }
            Expr::Ident(name) => return self.known_variable(node.id, name),
            Expr::Literal(literal) => {
                if let LiteralValue::Int(whole) = literal {
                    *literal = LiteralValue::Double((*whole.inner() as f64).into());
                }
            }
            Expr::Select(select) => self.resolve(&mut select.operand)?,
            Expr::List(list) => list
                .elements
                .iter_mut()
                .try_for_each(|element| self.resolve(element))?,
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        self.resolve(&mut entry.value)?;
                    }
                }
            }
            Expr::Comprehension(comprehension) => self.resolve_comprehension(comprehension)?,
            Expr::Struct(_) | Expr::Unspecified => {
                return Err(self.at(node.id, "structures have no use in a claim".to_owned()));
            }
        }
        Ok(())
    }

    fn resolve_call(&mut self, call: &mut CallExpr) -> Result<(), ClaimError> {
        if let Some(target) = &mut call.target {
            self.resolve(target)?;
        }
        let is_index = call.func_name == operators::INDEX;
        for (position, argument) in call.args.iter_mut().enumerate() {
            let is_whole_index =
                is_index && position == 1 && matches!(argument.expr, Expr::Literal(_));
            if !is_whole_index {
                self.resolve(argument)?;
            }
        }
        Ok(())
    }

    fn resolve_comprehension(
        &mut self,
        comprehension: &mut ComprehensionExpr,
    ) -> Result<(), ClaimError> {
        self.resolve(&mut comprehension.iter_range)?;
        let outer = self.bound.len();
        self.bound.extend([
            comprehension.iter_var.clone(),
            comprehension.accu_var.clone(),
        ]);
        self.bound.extend(comprehension.iter_var2.clone());
        for part in [
            &mut comprehension.accu_init,
            &mut comprehension.loop_cond,
            &mut comprehension.loop_step,
            &mut comprehension.result,
        ] {
            self.resolve(part)?;
        }
        self.bound.truncate(outer);
        Ok(())
    }

    /// `sweep("...")`, `knee("...")` and `search("...")`.
    fn function(&self, id: u64, call: &CallExpr) -> Result<Option<Reference>, ClaimError> {
        let (resolve, example): (Resolve, &str) = match (call.func_name.as_str(), &call.target) {
            ("sweep", None) => (Reference::of_sweep, "PHASE.goodput"),
            ("knee", None) => (Reference::of_knee, "PHASE.goodput"),
            ("search", None) => (Reference::of_search, "crossing"),
            _ => return Ok(None),
        };
        let name = &call.func_name;
        if self.scope == Scope::Trial {
            let message = format!("{name}() is about many trials, and this about one");
            return Err(self.at(id, message));
        }
        let [
            IdedExpr {
                id: argument,
                expr: Expr::Literal(LiteralValue::String(text)),
            },
        ] = call.args.as_slice()
        else {
            return Err(self.at(
                id,
                format!("{name} takes one text, as in {name}(\"{example}\")"),
            ));
        };
        resolve(text.inner(), self.names)
            .map(Some)
            .map_err(|problem| self.at(*argument, problem.message))
    }

    /// The path that a node spells, if it begins with `arm`; of one trial, whatever it begins with.
    fn figure_path(&self, node: &IdedExpr) -> Result<Option<Path>, ClaimError> {
        let mut segments = Vec::new();
        let mut dynamic = false;
        let mut tested = false;
        let mut current = node;
        loop {
            current = match &current.expr {
                Expr::Ident(name) if self.begins_path(name) => {
                    if self.scope == Scope::Trial {
                        segments.push(name.clone());
                    }
                    break;
                }
                Expr::Select(select) => {
                    segments.push(select.field.clone());
                    tested |= select.test;
                    &select.operand
                }
                Expr::Call(call) if call.func_name == operators::INDEX && call.args.len() == 2 => {
                    match &call.args[1].expr {
                        Expr::Literal(LiteralValue::String(text)) => {
                            segments.push(text.inner().to_owned());
                        }
                        _ => dynamic = true,
                    }
                    &call.args[0]
                }
                _ => return Ok(None),
            };
        }
        let problem = match (dynamic, tested) {
            (true, _) => {
                "arms, phases and figures must be named, so that they can be checked before the run"
            }
            (_, true) => {
                "has() says nothing here: a figure without samples makes the claim inconclusive by itself"
            }
            _ => {
                segments.reverse();
                return Ok(Some(Path {
                    start: current.id,
                    segments,
                }));
            }
        };
        Err(self.at(current.id, problem.to_owned()))
    }

    fn begins_path(&self, name: &String) -> bool {
        let free = !name.starts_with('@') && !self.bound.contains(name);
        free && (name == "arm" || self.scope == Scope::Trial)
    }

    fn known_variable(&self, id: u64, name: &str) -> Result<(), ClaimError> {
        if name.starts_with('@') || self.bound.iter().any(|bound| bound == name) {
            return Ok(());
        }
        let written = match self.scope {
            Scope::Search => "search(\"crossing\")",
            Scope::Arms | Scope::Trial => "arm.NAME.PHASE.FIGURE",
        };
        Err(self.at(
            id,
            format!("there is no `{name}`; figures are written {written}"),
        ))
    }

    fn replacement(&mut self, reference: Reference) -> Expr {
        self.references.push(reference);
        Expr::Ident(variable(self.references.len() - 1))
    }

    fn at(&self, id: u64, message: String) -> ClaimError {
        let offset = self
            .source
            .offset_for(id)
            .map_or(0, |(start, _)| start as usize);
        ClaimError::new(&self.source.source, offset, message)
    }

    /// Points at the segment that is wrong: searched for in the text after the path's beginning.
    fn in_path(&self, path: &Path, problem: PathProblem) -> ClaimError {
        let text: Vec<char> = self.source.source.chars().collect();
        let begin = match self.scope {
            Scope::Trial => 0,
            Scope::Arms | Scope::Search => "arm".len(),
        };
        let mut offset = self
            .source
            .offset_for(path.start)
            .map_or(0, |(start, _)| start as usize)
            + begin;
        for segment in path.segments.iter().take(problem.segment) {
            offset = find(&text, offset, segment)
                .map_or(offset, |found| found + segment.chars().count());
        }
        let at = path
            .segments
            .get(problem.segment)
            .and_then(|segment| find(&text, offset, segment));
        ClaimError::new(&self.source.source, at.unwrap_or(offset), problem.message)
    }
}

fn find(text: &[char], from: usize, wanted: &str) -> Option<usize> {
    let wanted: Vec<char> = wanted.chars().collect();
    let rest = text.get(from..)?;
    rest.windows(wanted.len().max(1))
        .position(|window| window == wanted)
        .map(|found| found + from)
}
