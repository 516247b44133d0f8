//! Writing routes down: what each takes and answers.

use std::collections::BTreeMap;

use llmux_protocol::api::ApiError;
use utoipa::{
    ToSchema,
    openapi::{
        ComponentsBuilder, Content, HttpMethod, Info, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Required,
        ResponseBuilder,
        path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{Array, ObjectBuilder, Schema, Type},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

/// The document as it grows.
#[derive(Default)]
pub(super) struct Api {
    paths: Paths,
    schemas: BTreeMap<String, RefOr<Schema>>,
}

/// A route that is being written down.
pub(super) struct Route<'a> {
    api: &'a mut Api,
    method: HttpMethod,
    path: &'static str,
    operation: OperationBuilder,
    /// The status of success.
    done: &'static str,
}

impl Api {
    pub(super) fn get(&mut self, path: &'static str, summary: &str) -> Route<'_> {
        self.on(HttpMethod::Get, path, summary)
    }

    pub(super) fn post(&mut self, path: &'static str, summary: &str) -> Route<'_> {
        self.on(HttpMethod::Post, path, summary)
    }

    pub(super) fn on(&mut self, method: HttpMethod, path: &'static str, summary: &str) -> Route<'_> {
        let mut operation = OperationBuilder::new().summary(Some(summary));
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            operation = operation.parameter(
                ParameterBuilder::new()
                    .name(name)
                    .parameter_in(ParameterIn::Path)
                    .required(Required::True)
                    .schema(Some(
                        ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)),
                    )),
            );
        }
        Route {
            api: self,
            method,
            path,
            operation,
            done: "200",
        }
    }

    /// A reference to a type's schema, which is kept with all that it refers to.
    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found);
        Ref::from_schema_name(T::name()).into()
    }

    pub(super) fn finish(self) -> OpenApi {
        let mut info = Info::new("llmux", env!("CARGO_PKG_VERSION"));
        info.description =
            Some("AI agent CLIs in named tmux sessions. A failed request answers an `ApiError`.".to_owned());
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = ComponentsBuilder::new()
            .schemas_from_iter(self.schemas)
            .security_scheme("token", bearer)
            .build();
        OpenApiBuilder::new()
            .info(info)
            .paths(self.paths)
            .components(Some(components))
            .security(Some([SecurityRequirement::new::<_, [&str; 0], &str>(
                "token",
                [],
            )]))
            .build()
    }
}

impl Route<'_> {
    /// Needs no token.
    pub(super) fn open(mut self) -> Self {
        self.operation = self.operation.securities(Some([]));
        self
    }

    /// Answers 201.
    pub(super) fn makes(mut self) -> Self {
        self.done = "201";
        self
    }

    pub(super) fn query(self, name: &str, kind: &Type, description: &str) -> Self {
        let mut schema = ObjectBuilder::new().schema_type(kind.clone());
        if *kind == Type::Integer {
            schema = schema.minimum(Some(0)).maximum(Some(u32::MAX));
        }
        self.parameter(name, Required::False, schema.build().into(), description)
    }

    pub(super) fn required_query(self, name: &str, kind: Type, description: &str) -> Self {
        let schema = ObjectBuilder::new().schema_type(kind).build();
        self.parameter(name, Required::True, schema.into(), description)
    }

    pub(super) fn query_of(self, name: &str, values: &[&str], description: &str) -> Self {
        let schema = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(values.iter().copied()))
            .build();
        self.parameter(name, Required::False, schema.into(), description)
    }

    fn parameter(mut self, name: &str, required: Required, schema: Schema, description: &str) -> Self {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Query)
            .required(required)
            .schema(Some(schema))
            .description(Some(description));
        self.operation = self.operation.parameter(parameter);
        self
    }

    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.api.schema::<T>();
        // Where nothing must be said, no body is as good as an empty one.
        let may_lack = matches!(T::schema(), RefOr::T(Schema::Object(object)) if object.required.is_empty());
        let required = if may_lack { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new()
            .content("application/json", Content::new(Some(schema)))
            .required(Some(required))
            .build();
        self.operation = self.operation.request_body(Some(body));
        self
    }

    pub(super) fn answers<T: ToSchema>(self) {
        self.answers_in::<T>(&[]);
    }

    /// As JSON, or in these other forms.
    pub(super) fn answers_in<T: ToSchema>(self, others: &[&str]) {
        let schema = self.api.schema::<T>();
        self.end("application/json", Some(schema), others);
    }

    pub(super) fn lists<T: ToSchema>(self) {
        let item = self.api.schema::<T>();
        let schema = Schema::Array(Array::new(item));
        self.end("application/json", Some(schema.into()), &[]);
    }

    /// As events, whose data is this in JSON.
    pub(super) fn streams<T: ToSchema>(self) {
        self.streams_in::<T>(&[]);
    }

    pub(super) fn streams_in<T: ToSchema>(self, others: &[&str]) {
        self.api.schema::<T>();
        self.end("text/event-stream", None, others);
    }

    pub(super) fn answers_bytes(self, content_type: &str) {
        self.end(content_type, None, &[]);
    }

    pub(super) fn answers_something(self) {
        let schema = ObjectBuilder::new().schema_type(Type::Object).build();
        self.end("application/json", Some(Schema::Object(schema).into()), &[]);
    }

    fn end(self, content_type: &str, schema: Option<RefOr<Schema>>, others: &[&str]) {
        let failure = self.api.schema::<ApiError>();
        let any = || Content::new(None::<RefOr<Schema>>);
        let mut good = ResponseBuilder::new().description("Done");
        good = good.content(
            content_type,
            schema.map_or_else(any, |schema| Content::new(Some(schema))),
        );
        for other in others {
            good = good.content(*other, any());
        }
        let bad = ResponseBuilder::new()
            .description("Why it was not done")
            .content("application/json", Content::new(Some(failure)));
        let operation: Operation = self
            .operation
            .response(self.done, good.build())
            .response("default", bad.build())
            .build();
        self.api
            .paths
            .add_path_operation(self.path, vec![self.method], operation);
    }
}
