//! From TOML to a compiled dialect, with every problem told at once.

use std::collections::{BTreeMap, BTreeSet};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    CodeTable, Dialect, Map, did_you_mean, fault_at,
    paths::Template,
    rule::{At, Form, Rule, Rules},
    scalar,
};
use crate::{adapter::SettingsFault, tree::Content};

/// Compiles the text of a dialect.
pub(super) fn compile(source: &str) -> Result<Dialect, Vec<SettingsFault>> {
    let (document, errors) = DeTable::parse_recoverable(source);
    if !errors.is_empty() {
        let told = errors.iter().map(|error| {
            let line = error.span().map(|span| line_of(source, span.start)).unwrap_or(1);
            fault_at("", format!("TOML không đọc được (dòng {line}): {}", error.message()))
        });
        return Err(told.collect());
    }
    let mut compiler = Compiler {
        source,
        faults: Vec::new(),
        tables: BTreeMap::new(),
        failed: BTreeSet::new(),
        dialect: Dialect::default(),
    };
    compiler.document(document.get_ref());
    if compiler.faults.is_empty() { Ok(compiler.dialect) } else { Err(compiler.faults) }
}

fn line_of(source: &str, at: usize) -> usize {
    source.as_bytes()[..at.min(source.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

type Value<'a> = Spanned<DeValue<'a>>;
type Table<'a> = DeTable<'a>;

struct Compiler<'a> {
    source: &'a str,
    faults: Vec<SettingsFault>,
    /// `[maps.*]` by name, to be compiled on first use.
    tables: BTreeMap<&'a str, &'a Table<'a>>,
    /// Mappings that were told to be faulty, once.
    failed: BTreeSet<&'a str>,
    dialect: Dialect,
}

/// The entries of a table in the order of the file: it is the order in which things are written to the channel.
fn in_order<'a>(table: &'a Table<'a>) -> Vec<(&'a str, &'a Value<'a>)> {
    let mut entries: Vec<_> =
        table.iter().map(|(key, value)| (key.span().start, key.get_ref().as_ref(), value)).collect();
    entries.sort_by_key(|(at, ..)| *at);
    entries.into_iter().map(|(_, key, value)| (key, value)).collect()
}

impl<'a> Compiler<'a> {
    fn document(&mut self, document: &'a Table<'a>) {
        const SECTIONS: [&str; 4] = ["constants", "paths", "maps", "codes"];
        for (name, value) in in_order(document) {
            match value.get_ref() {
                _ if !SECTIONS.contains(&name) => self.unknown(name, value, &SECTIONS),
                DeValue::Table(_) => {}
                _ => self.fault(name, value, "phải là một bảng"),
            }
        }
        let section = |name: &str| document.get(name).and_then(|it| it.get_ref().as_table()).map(in_order);
        for (name, value) in section("constants").unwrap_or_default() {
            let key = format!("constants.{name}");
            if let Some(text) = self.string(&key, value) {
                self.dialect.constants.insert(name.to_owned(), text.to_owned());
            }
        }
        for (name, value) in section("paths").unwrap_or_default() {
            self.path(name, value);
        }
        for (name, value) in section("codes").unwrap_or_default() {
            match value.get_ref().as_table() {
                Some(table) => self.codes(name, table),
                None => self.fault(&format!("codes.{name}"), value, "phải là một bảng mã"),
            }
        }
        for (name, value) in section("maps").unwrap_or_default() {
            match value.get_ref().as_table() {
                Some(table) => drop(self.tables.insert(name, table)),
                None => self.fault(&format!("maps.{name}"), value, "phải là một bảng quy tắc"),
            }
        }
        for name in self.tables.keys().copied().collect::<Vec<_>>() {
            self.map(name, &mut Vec::new());
        }
    }

    fn path(&mut self, name: &str, value: &Value<'_>) {
        let key = format!("paths.{name}");
        let Some(text) = self.string(&key, value) else { return };
        match Template::parse(text) {
            Ok(template) => drop(self.dialect.paths.insert(name.to_owned(), template)),
            Err(message) => self.fault(&key, value, message),
        }
    }

    fn codes(&mut self, name: &str, table: &Table<'_>) {
        let mut pairs = Vec::new();
        let mut keep_unknown = false;
        for (code, value) in in_order(table) {
            let key = format!("codes.{name}.{code}");
            if let (true, Some(options)) = (code == "options", value.get_ref().as_table()) {
                keep_unknown = self.code_options(&key, options);
            } else if let Some(canonical) = self.string(&key, value) {
                pairs.push((code.to_owned(), canonical.to_owned()));
            }
        }
        self.dialect.codes.insert(name.to_owned(), CodeTable::new(name, pairs, keep_unknown));
    }

    fn code_options(&mut self, key: &str, options: &Table<'_>) -> bool {
        let mut keep = false;
        for (name, value) in in_order(options) {
            let key = format!("{key}.{name}");
            match (name, value.get_ref().as_str()) {
                ("unknown", Some("keep")) => keep = true,
                ("unknown", Some("refuse")) => keep = false,
                ("unknown", _) => self.fault(&key, value, "phải là \"keep\" hoặc \"refuse\""),
                _ => self.unknown(&key, value, &["unknown"]),
            }
        }
        keep
    }

    /// The mapping `name`, compiled once; `within` are the mappings that are waiting for it.
    fn map(&mut self, name: &str, within: &mut Vec<String>) -> Option<Map> {
        if let Some(map) = self.dialect.maps.get(name) {
            return Some(map.clone());
        }
        let (own, table) = self.tables.get_key_value(name).map(|(own, table)| (*own, *table))?;
        if self.failed.contains(own) {
            return None;
        }
        within.push(own.to_owned());
        let before = self.faults.len();
        let mut rules = Vec::new();
        self.rules(own, "", table, within, &mut rules);
        within.pop();
        match Rules::join(own, rules) {
            Ok(rules) if self.faults.len() == before => {
                let map = Map { inner: rules.into() };
                self.dialect.maps.insert(own.to_owned(), map.clone());
                return Some(map);
            }
            Ok(_) => {}
            Err(faults) => self.faults.extend(faults),
        }
        self.failed.insert(own);
        None
    }

    /// The rules of a table; one without `at` whose values are tables is a nested canonical name.
    fn rules(&mut self, map: &str, prefix: &str, table: &'a Table<'a>, within: &mut Vec<String>, out: &mut Vec<Rule>) {
        for (name, value) in in_order(table) {
            let full = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            let key = format!("maps.{map}.{full}");
            let Some(body) = value.get_ref().as_table() else {
                self.fault(&key, value, "phải là một quy tắc, ví dụ { at = \"tieuDe\", as = \"text\" }");
                continue;
            };
            let is_nested = !body.is_empty()
                && !body.contains_key("at")
                && !body.contains_key("as")
                && body.values().all(|it| it.get_ref().is_table());
            if is_nested {
                self.rules(map, &full, body, within, out);
            } else if let Some(rule) = self.rule(&key, full, value, body, within) {
                if out.iter().any(|other| other.name == rule.name) {
                    self.fault(&key, value, "tên chuẩn này đã có quy tắc");
                }
                out.push(rule);
            }
        }
    }

    fn rule(
        &mut self,
        key: &str,
        name: String,
        value: &Value<'_>,
        body: &'a Table<'a>,
        within: &mut Vec<String>,
    ) -> Option<Rule> {
        let before = self.faults.len();
        let at = self.at(key, value, body);
        let form = self.form(key, value, body, within);
        let required = self.flag(key, body, "required");
        let null = self.flag(key, body, "null");
        let (at, form) = (at?, form?);
        self.known_keys(key, body, &form);
        if form.is_list() && (at.elements.is_empty() || at.attribute.is_some()) {
            self.fault(
                &format!("{key}.at"),
                value,
                "một danh sách phải đứng dưới một tên, không phải \".\" hay thuộc tính",
            );
        }
        if null && at.attribute.is_some() {
            self.fault(&format!("{key}.null"), value, "một thuộc tính không thể là null");
        }
        let default = body.get("default").and_then(|it| self.default(&format!("{key}.default"), it, &form));
        if required && default.is_some() {
            self.fault(&format!("{key}.default"), value, "trường bắt buộc không thể có giá trị mặc định");
        }
        let parts = name.split('.').map(Into::into).collect();
        (self.faults.len() == before).then_some(Rule { name, parts, at, form, required, default, null })
    }

    fn at(&mut self, key: &str, rule: &Value<'_>, body: &Table<'_>) -> Option<At> {
        let Some(value) = body.get("at") else {
            self.fault(key, rule, "thiếu \"at\": vị trí trong thông điệp, ví dụ at = \"nguoiGui.hoTen\"");
            return None;
        };
        let key = format!("{key}.at");
        let at = At::parse(self.string(&key, value)?);
        if at.is_none() {
            self.fault(&key, value, "phải là các tên nối bằng dấu chấm, với @ trước thuộc tính, ví dụ \"LinhVuc@ma\"");
        }
        at
    }

    fn form(&mut self, key: &str, rule: &Value<'_>, body: &'a Table<'a>, within: &mut Vec<String>) -> Option<Form> {
        const FORMS: [&str; 7] = ["text", "integer", "boolean", "date", "timestamp", "code", "list"];
        let Some(value) = body.get("as") else {
            self.fault(key, rule, format!("thiếu \"as\": một trong {}", FORMS.join(", ")));
            return None;
        };
        let as_key = format!("{key}.as");
        match self.string(&as_key, value)? {
            "list" => self.list(key, rule, body, within),
            name if FORMS.contains(&name) => self.scalar(key, name, rule, body),
            name => {
                let hint = did_you_mean(name, FORMS.into_iter());
                self.fault(&as_key, value, format!("phải là một trong: {}{hint}", FORMS.join(", ")));
                None
            }
        }
    }

    fn list(&mut self, key: &str, rule: &Value<'_>, body: &'a Table<'a>, within: &mut Vec<String>) -> Option<Form> {
        match (body.get("map"), body.get("of")) {
            (Some(value), None) => {
                let key = format!("{key}.map");
                let name = self.string(&key, value)?;
                if within.iter().any(|it| it == name) {
                    self.fault(&key, value, "các bảng quy tắc chứa nhau thành vòng");
                    return None;
                }
                if !self.tables.contains_key(name) {
                    let hint = did_you_mean(name, self.tables.keys().copied().collect::<Vec<_>>().into_iter());
                    self.fault(&key, value, format!("không có bảng [maps.{name}]{hint}"));
                    return None;
                }
                // Where it has faults of its own, they are told under its own name.
                self.map(name, within).map(Form::Records)
            }
            (None, Some(value)) => {
                const SCALARS: [&str; 6] = ["text", "integer", "boolean", "date", "timestamp", "code"];
                let of_key = format!("{key}.of");
                let name = self.string(&of_key, value)?;
                if !SCALARS.contains(&name) {
                    self.fault(&of_key, value, format!("phải là một trong: {}", SCALARS.join(", ")));
                    return None;
                }
                self.scalar(key, name, rule, body).map(|form| Form::ListOf(Box::new(form)))
            }
            _ => {
                self.fault(
                    key,
                    rule,
                    "một danh sách phải có đúng một trong \"map\" (bảng quy tắc) và \"of\" (kiểu giá trị)",
                );
                None
            }
        }
    }

    fn scalar(&mut self, key: &str, name: &str, rule: &Value<'_>, body: &Table<'_>) -> Option<Form> {
        Some(match name {
            "integer" => Form::Integer {
                min: self.number(key, body, "min").unwrap_or(i64::MIN),
                max: self.number(key, body, "max").unwrap_or(i64::MAX),
            },
            "boolean" => Form::Boolean,
            "date" => self.formats(key, body, |formats| Form::Date { formats })?,
            "timestamp" => self.formats(key, body, |formats| Form::Timestamp { formats })?,
            "code" => self.code(key, rule, body)?,
            _ => {
                let chars_max = self.number(key, body, "chars_max");
                Form::Text { chars_max: chars_max.and_then(|it| usize::try_from(it).ok()) }
            }
        })
    }

    fn code(&mut self, key: &str, rule: &Value<'_>, body: &Table<'_>) -> Option<Form> {
        let Some(value) = body.get("codes") else {
            self.fault(key, rule, "thiếu \"codes\": tên bảng mã trong [codes]");
            return None;
        };
        let key = format!("{key}.codes");
        let name = self.string(&key, value)?;
        if let Some(table) = self.dialect.codes.get(name) {
            return Some(Form::Code(table.clone()));
        }
        let hint = did_you_mean(name, self.dialect.codes.keys().map(String::as_str));
        self.fault(&key, value, format!("không có bảng mã [codes.{name}]{hint}"));
        None
    }

    fn formats(&mut self, key: &str, body: &Table<'_>, form: fn(Vec<String>) -> Form) -> Option<Form> {
        let Some(value) = body.get("formats") else { return Some(form(Vec::new())) };
        let key = format!("{key}.formats");
        let Some(array) = value.get_ref().as_array().filter(|it| !it.is_empty()) else {
            self.fault(&key, value, "phải là danh sách các dạng, ví dụ [\"%Y-%m-%d\", \"%d/%m/%Y\"]");
            return None;
        };
        let mut formats = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let text = self.string(&key, item)?;
            if !scalar::is_faithful_format(&form(Vec::new()), text, index == 0) {
                self.fault(
                    &key,
                    item,
                    "dạng này không đọc lại được đúng điều nó viết ra (thiếu ngày, tháng, năm hoặc giờ, phút)",
                );
            }
            formats.push(text.to_owned());
        }
        Some(form(formats))
    }

    fn default(&mut self, key: &str, value: &Value<'_>, form: &Form) -> Option<super::Value> {
        let content = match value.get_ref() {
            DeValue::String(text) => Content::Text(text.to_string()),
            DeValue::Integer(number) => Content::Number(number.as_str().to_owned()),
            DeValue::Boolean(value) => Content::Boolean(*value),
            _ => Content::Null,
        };
        // A default is canonical: a code's default is its canonical name, not the channel's code.
        if let (Form::Code(table), Content::Text(name)) = (form, &content) {
            if table.to_channel(name).is_none() {
                self.fault(key, value, format!("bảng mã \"{}\" không có tên chuẩn này", table.name()));
            }
            return Some(super::Value::Code(name.clone()));
        }
        match scalar::read(form, content) {
            Ok(scalar::Found::Value(value)) => Some(value),
            _ => {
                self.fault(key, value, format!("giá trị mặc định {}", scalar::shape(form)));
                None
            }
        }
    }

    /// Tells every key of a rule that its form does not have.
    fn known_keys(&mut self, key: &str, body: &Table<'_>, form: &Form) {
        fn own(form: &Form) -> &'static [&'static str] {
            match form {
                Form::Text { .. } => &["chars_max"],
                Form::Integer { .. } => &["min", "max"],
                Form::Date { .. } | Form::Timestamp { .. } => &["formats"],
                Form::Code(_) => &["codes"],
                Form::Boolean | Form::ListOf(_) | Form::Records(_) => &[],
            }
        }
        let mut known = vec!["at", "as", "required", "null"];
        match form {
            Form::Records(_) => known.push("map"),
            Form::ListOf(of) => {
                known.push("of");
                known.extend(own(of));
            }
            scalar => {
                known.push("default");
                known.extend(own(scalar));
            }
        }
        for (name, value) in in_order(body) {
            if !known.contains(&name) {
                self.unknown(&format!("{key}.{name}"), value, &known);
            }
        }
    }

    fn string<'v>(&mut self, key: &str, value: &'v Value<'_>) -> Option<&'v str> {
        let text = value.get_ref().as_str().filter(|it| !it.is_empty());
        if text.is_none() {
            self.fault(key, value, "phải là một chuỗi không trống");
        }
        text
    }

    fn flag(&mut self, key: &str, body: &Table<'_>, name: &str) -> bool {
        let Some(value) = body.get(name) else { return false };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.fault(&format!("{key}.{name}"), value, "phải là true hoặc false");
            false
        })
    }

    fn number(&mut self, key: &str, body: &Table<'_>, name: &str) -> Option<i64> {
        let value = body.get(name)?;
        let number = value.get_ref().as_integer().and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
        let sound = number.filter(|it| name != "chars_max" || *it > 0);
        if sound.is_none() {
            self.fault(&format!("{key}.{name}"), value, "phải là số nguyên (chars_max: lớn hơn 0)");
        }
        sound
    }

    fn unknown(&mut self, key: &str, value: &Value<'_>, known: &[&str]) {
        let own = key.rsplit('.').next().unwrap_or(key);
        let hint = did_you_mean(own, known.iter().copied());
        self.fault(key, value, format!("khóa không được biết{hint}; được phép: {}", known.join(", ")));
    }

    fn fault(&mut self, key: &str, value: &Value<'_>, message: impl Into<String>) {
        let line = line_of(self.source, value.span().start);
        self.faults.push(fault_at(key, format!("{} (dòng {line})", message.into())));
    }
}
