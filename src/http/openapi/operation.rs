//! What a path knows, and how that is written down.

use hyper::{Method, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::schemas::{Content, Schemas, document};
use crate::http::{
    parameters::{Parameter, Shape},
    problem,
};

/// A path and what may be done with it.
pub(super) struct Path {
    /// As it is written down, such as `/api/v1/sources/{name}`.
    pub(super) template: String,
    /// What stands for `{…}`.
    part: Option<Part>,
    pub(super) operations: Vec<(Method, Operation)>,
}

/// A part of a path that is not fixed.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) means: &'static str,
    pub(super) schema: Value,
    pub(super) example: Value,
}

/// One method of a path.
pub(super) struct Operation {
    summary: &'static str,
    query: Vec<Parameter>,
    body: Option<Request>,
    status: StatusCode,
    content: Vec<(&'static str, Content)>,
    headers: &'static [(&'static str, &'static str)],
    problems: Vec<u16>,
    message: Option<fn(&mut SchemaGenerator) -> Schema>,
}

struct Request {
    schema: fn(&mut Schemas) -> Value,
    needed: bool,
}

/// What may happen to any request: a head that is not understood, a user who is not
/// known or may not, a page from which it may not be asked, a name that is not ours, too many at once.
const ALWAYS: [u16; 5] = [400, 401, 403, 421, 503];
/// The same for one with a body: too late, too large.
const WITH_BODY: [u16; 2] = [408, 413];
/// Every status that a problem may have.
const PROBLEMS: [u16; 14] = [
    400, 401, 403, 404, 408, 409, 413, 421, 422, 426, 429, 500, 501, 503,
];

impl Path {
    /// What can be read, also only its head.
    pub(super) fn read(template: &str, operation: Operation) -> Self {
        Self::with(template, Method::GET, operation)
    }

    /// What has one method, and perhaps [others](Self::and).
    pub(super) fn with(template: &str, method: Method, operation: Operation) -> Self {
        Self {
            template: template.to_owned(),
            part: None,
            operations: vec![(method, operation)],
        }
    }

    /// Another method.
    pub(super) fn and(mut self, method: Method, operation: Operation) -> Self {
        self.operations.push((method, operation));
        self
    }

    /// What stands for `{…}`.
    pub(super) fn part(mut self, part: Part) -> Self {
        self.part = Some(part);
        self
    }

    /// A path as somebody may ask for it.
    pub(super) fn example(&self) -> String {
        let Some(Part { name, example, .. }) = &self.part else {
            return self.template.clone();
        };
        let example = example.as_str().unwrap_or_default();
        self.template.replace(&format!("{{{name}}}"), example)
    }

    pub(super) fn describe(&self, methods: &[Method], schemas: &mut Schemas) -> Value {
        let mut all = Map::new();
        if let Some(part) = &self.part {
            all.insert("parameters".to_owned(), json!([part.describe()]));
        }
        for (method, operation) in &self.operations {
            let mut described = operation.describe(self, method, schemas);
            all.insert(method.as_str().to_lowercase(), described.clone());
            if *method == Method::GET && methods.contains(&Method::HEAD) {
                without_bodies(&mut described);
                described["operationId"] = json!(id(&self.template, &Method::HEAD));
                all.insert("head".to_owned(), described);
            }
        }
        Value::Object(all)
    }
}

impl Part {
    pub(super) fn name(means: &'static str) -> Self {
        Self {
            name: "name",
            means,
            schema: Shape::Name.schema(),
            example: Shape::Name.example(),
        }
    }

    /// One of some words.
    pub(super) fn one_of(means: &'static str, words: &[&str]) -> Self {
        Self {
            name: "name",
            means,
            schema: json!({ "type": "string", "enum": words }),
            example: json!(words.first()),
        }
    }

    fn describe(&self) -> Value {
        json!({
            "name": self.name,
            "in": "path",
            "required": true,
            "description": self.means,
            "schema": self.schema,
        })
    }
}

impl Operation {
    pub(super) fn new(summary: &'static str) -> Self {
        Self {
            summary,
            query: Vec::new(),
            body: None,
            status: StatusCode::OK,
            content: Vec::new(),
            headers: &[],
            problems: Vec::new(),
            message: None,
        }
    }

    /// The parameters of its query.
    pub(super) fn query(mut self, parameters: &[Parameter]) -> Self {
        self.query.extend(parameters);
        self
    }

    /// A body as JSON, which may be left out unless it is `needed`.
    pub(super) fn body<T: JsonSchema>(mut self, needed: bool) -> Self {
        let schema = Schemas::read::<T>;
        self.body = Some(Request { schema, needed });
        self
    }

    /// A document as JSON.
    pub(super) fn json<T: JsonSchema>(self) -> Self {
        self.sends("application/json", document::<T>())
    }

    /// Something of a media type.
    pub(super) fn sends(mut self, media_type: &'static str, content: Content) -> Self {
        self.content.push((media_type, content));
        self
    }

    /// Another status than 200 for what went well.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Header fields that may be there, and what they tell.
    pub(super) fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    /// Further statuses of problems.
    pub(super) fn problems(mut self, problems: &[u16]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// What is told over the connection that it becomes.
    pub(super) fn message(mut self, describe: fn(&mut SchemaGenerator) -> Schema) -> Self {
        self.message = Some(describe);
        self
    }

    fn describe(&self, path: &Path, method: &Method, schemas: &mut Schemas) -> Value {
        let content: Map<String, Value> = self
            .content
            .iter()
            .map(|(media_type, content)| {
                let schema = schemas.of(content);
                ((*media_type).to_owned(), json!({ "schema": schema }))
            })
            .collect();
        let mut good =
            json!({ "description": reason(self.status), "headers": fields(self.headers) });
        if !content.is_empty() {
            good["content"] = Value::Object(content);
        }
        let mut answers = Map::new();
        answers.insert(self.status.as_str().to_owned(), good);
        let changes = *method != Method::GET;
        let unknown: &[u16] = if path.part.is_some() { &[404] } else { &[] };
        let with_body: &[u16] = if changes { &WITH_BODY } else { &[] };
        let problems = [&ALWAYS, unknown, with_body, &self.problems];
        for problem in problems.concat() {
            let reference = json!({ "$ref": format!("#/components/responses/Problem{problem}") });
            answers.insert(problem.to_string(), reference);
        }
        let mut all = Map::new();
        if let Some(message) = self.message {
            all.insert("x-message".to_owned(), schemas.described(message));
        }
        all.insert("operationId".to_owned(), json!(id(&path.template, method)));
        all.insert("summary".to_owned(), json!(self.summary));
        all.insert("responses".to_owned(), Value::Object(answers));
        if !self.query.is_empty() {
            let parameters: Vec<_> = self.query.iter().map(query).collect();
            all.insert("parameters".to_owned(), json!(parameters));
        }
        if let Some(Request { schema, needed }) = self.body {
            let content = json!({ "application/json": { "schema": schema(schemas) } });
            let body = json!({ "required": needed, "content": content });
            all.insert("requestBody".to_owned(), body);
        }
        Value::Object(all)
    }
}

/// The problems that operations refer to.
pub(super) fn responses(schemas: &mut Schemas) -> Map<String, Value> {
    let schema = schemas.written::<problem::Document>();
    let one = |status: u16| {
        let headers: &[_] = match status {
            503 => &[("Retry-After", "After how many seconds to ask again.")],
            _ => &[],
        };
        let answer = json!({
            "description": StatusCode::from_u16(status).map_or("Error", reason),
            "headers": fields(headers),
            "content": { "application/problem+json": { "schema": schema } },
        });
        (format!("Problem{status}"), answer)
    };
    PROBLEMS.into_iter().map(one).collect()
}

fn reason(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

fn query(parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "in": "query",
        "required": parameter.needed,
        "description": parameter.means,
        "schema": parameter.shape.schema(),
    })
}

fn fields(headers: &[(&str, &str)]) -> Value {
    let fields = headers.iter().map(|(name, means)| {
        let field = json!({ "description": means, "schema": { "type": "string" } });
        ((*name).to_owned(), field)
    });
    Value::Object(fields.collect())
}

/// A name for programs: `get_api_v1_sources_name`.
fn id(template: &str, method: &Method) -> String {
    let words = template.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let method = method.as_str().to_lowercase();
    [&[method.as_str()], words.as_slice()].concat().join("_")
}

/// The answers to HEAD: the same, of which only the head is sent.
fn without_bodies(operation: &mut Value) {
    let Some(answers) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, answer) in answers {
        let status = StatusCode::from_bytes(status.as_bytes()).map_or("Error", reason);
        let headers = answer["headers"].take();
        *answer = json!({ "description": status });
        if headers.is_object() {
            answer["headers"] = headers;
        }
    }
}
