#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use serde_json::json;
use std::fs;

fn values(json: serde_json::Value) -> Values {
    Values::new(json.as_object().unwrap()).unwrap()
}

fn html(source: &str, json: serde_json::Value) -> Result<String, String> {
    Program::compile(source, Escape::Html).unwrap().render(&values(json).0, MAIL)
}

fn fault(source: &str) -> Fault {
    Program::compile(source, Escape::Html).err().unwrap_or_else(|| panic!("compiles: {source}"))
}

fn variables(source: &str) -> Vec<(String, usize)> {
    Program::compile(source, Escape::Plain).unwrap().variables().to_vec()
}

#[test]
fn every_shown_value_is_escaped_in_html() {
    let hostile = json!({"customer": {"name": "<b onclick='x'>\"&", "tags": ["<i>"]}});
    let shown = "&lt;b onclick=&#39;x&#39;&gt;&quot;&amp;";
    for source in [
        "{{ customer.name }}",
        "{{- customer.name -}}",
        "{{customer['name']}}",
        "{% assign n = customer.name %}{{ n | strip }}",
        "{{ '' | append: customer.name }}",
        "{{ customer.nothing | default: customer.name }}",
    ] {
        assert_eq!(html(source, hostile.clone()).unwrap(), shown, "{source}");
    }
    let list =
        "{% for t in customer.tags %}{{ t }}{% endfor %}{{ customer.tags }}{{ customer.tags | join: '<' }}";
    assert_eq!(html(list, hostile).unwrap(), "&lt;i&gt;&lt;i&gt;&lt;i&gt;");
}

#[test]
fn tags_that_could_show_a_value_unescaped_or_reach_a_file_are_not_offered() {
    for tag in [
        "cycle 'a', customer.name",
        "include 'x'",
        "render 'x'",
        "capture x",
        "raw",
        "tablerow i in x",
        "increment x",
    ] {
        assert!(fault(&format!("{{% {tag} %}}")).message.contains("not offered"), "{tag}");
    }
    assert!(fault("{{ customer.name | escape }}").message.contains("not needed"));
    assert!(fault("{{ customer.name | newline_to_br }}").message.contains("no filter"));
}

#[test]
fn liquid_in_a_value_is_text() {
    let name = json!({"customer": {"name": "{{7*7}}{% for i in x %}"}});
    assert_eq!(html("Hi {{ customer.name }}", name).unwrap(), "Hi {{7*7}}{% for i in x %}");
}

#[test]
fn missing_values_show_as_nothing() {
    let source = "[{{ customer.city }}{{ coupon.code | upcase }}{% if customer.vip %}!{% endif %}]";
    assert_eq!(html(source, json!({"customer": {}})).unwrap(), "[]");
    assert_eq!(html("{{ customer.n | default: 'friend' }}", json!({})).unwrap(), "friend");
}

#[test]
fn variables_are_found_wherever_they_stand_with_their_lines() {
    let source = "{{ a.b | append: c.d }}\n{% if e contains f.g and h == 'x' %}{% elsif i %}{% endif %}\n\
                  {% for t in j.tags limit: k %}{{ t.x }}{{ forloop.index }}{% endfor %}{{ t }}\n\
                  {% assign own = l | default: m['n o'] %}{{ own.p }}{% comment %}{{ no }}\n{% endcomment %}\n\
                  {% case q %}{% when r %}{% endcase %}{{ customer.城市 }}";
    let found = variables(source);
    let want = [
        ("a.b", 1),
        ("c.d", 1),
        ("e", 2),
        ("f.g", 2),
        ("h", 2),
        ("i", 2),
        ("j.tags", 3),
        ("k", 3),
        ("t", 3),
        ("l", 4),
        ("m.n o", 4),
        ("q", 6),
        ("r", 6),
        ("customer.城市", 6),
    ];
    let want: Vec<(String, usize)> = want.iter().map(|(p, l)| ((*p).to_owned(), *l)).collect();
    assert_eq!(found, want);
}

#[test]
fn names_in_other_scripts_are_values_too() {
    let shanghai = json!({"customer": {"城市": "上海", "first-name": "李"}});
    assert_eq!(html("{{ customer.城市 }}{{customer.first-name-}} ", shanghai).unwrap(), "上海李");
}

#[test]
fn no_template_runs_or_grows_without_end() {
    let tags: Vec<usize> = (0..500).collect();
    let many = json!({"tags": tags, "long": "x".repeat(60_000)});
    let silent = "{% for a in tags %}{% for b in tags %}{% for c in tags %}{% for d in tags %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(html(silent, many.clone()).unwrap_err().contains("takes too long"));
    let loud = "{% for a in tags %}{% for b in tags %}{{ long }}{% endfor %}{% endfor %}";
    assert!(html(loud, many.clone()).unwrap_err().contains("longer than"));
    let doubling =
        "{% assign x = 'xxxxxxxx' %}{% for i in (1..100) %}{% assign x = x | append: x %}{% endfor %}";
    assert!(html(doubling, many.clone()).unwrap_err().contains("takes too long"));
    let chain = format!("{{{{ long {} }}}}", "| append: long ".repeat(20));
    assert!(html(&chain, many.clone()).unwrap_err().contains("longer than"));
    let unseen = format!("{{{{ long {} | size }}}}", "| append: long ".repeat(19));
    assert!(html(&unseen, many).unwrap_err().contains("longer than"));
    let long = "{% for i in (1..1000) %}{% assign x = long | upcase %}{% endfor %}";
    assert!(html(long, json!({"long": "x".repeat(60_000)})).unwrap_err().contains("takes too long"));
    assert_eq!(html(long, json!({"long": "short"})).unwrap(), "");
    for source in [
        "{% for i in (1..1000) %}{% for j in (1..1000) %}{{ i }}{% endfor %}{% endfor %}",
        "{% for i in (1..1000) %}{% if a %}{% for t in tags %}{% for j in (1..300) %}{% endfor %}{% endfor %}{% endif %}{% endfor %}",
        "{% for i in (1..1000000000) %}{% endfor %}",
        "{% for i in (1..customer.points) %}{% endfor %}",
        "{{ long | replace: 'x', long }}",
        "{{ 99999999999999999999 }}",
        &"{% if a %}".repeat(50_000),
        &format!("{{% if a %}}{}{{% endif %}}", "{% elsif b %}".repeat(20_000)),
        &" ".repeat(200_000),
        &"{{ a[".repeat(50_000),
        &format!("{{{{ a {} }}}}", "| upcase ".repeat(21)),
        "{{ 'never ends }}",
    ] {
        fault(source);
    }
}

#[test]
fn arithmetic_beyond_64_bits_is_an_error_or_a_number_but_never_the_end() {
    let big = json!({"n": i64::MAX});
    let _ = html("{{ n | times: n }}{{ n | plus: n }}{{ n | divided_by: 0 }}", big);
}

#[test]
fn faults_name_their_line() {
    assert_eq!(fault("\n\n{% if a %}\n").line, 3);
    assert_eq!(fault("a\n{% for x of y %}{% endfor %}").line, 2);
    assert_eq!(fault("a\nb\n{{ x y }}\n").line, 3);
    assert_eq!(fault("a\n{% if %}{% endif %}").line, 2);
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_mail_has_a_subject_a_preheader_html_and_a_text_part() {
    let mail = "subject: Hello {{ customer.name }}\npreheader: {{ coupon.value }} for you\n---\n<html><body class=x>\
                <h1>Hi {{ customer.name }}</h1><p>Code <b>{{ coupon.code }}</b>, <a href=\"https://shop.example/\">shop</a></p></body></html>";
    let folder =
        folder(&[("wake-up.email.liquid", mail), ("wake-up.sms.liquid", "{{ customer.name }} <3\n")]);
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let hostile = values(json!({"customer": {"name": "O'Neil\r\nBcc: all@shop.example\u{202e}"},
                                "coupon": {"code": "A&B", "value": "<20>"}}));
    let made = templates.mail("wake-up", "email", &hostile).unwrap();
    assert_eq!(made.subject, "Hello O'Neil Bcc: all@shop.example");
    assert!(made.html.contains(
        "<body class=x><div style=\"display:none;max-height:0;overflow:hidden\">&lt;20&gt; for you</div>"
    ));
    assert!(made.html.contains("O&#39;Neil") && made.html.contains("A&amp;B"));
    assert!(made.text.contains("A&B") && made.text.contains("https://shop.example/"), "{}", made.text);
    assert!(!made.text.contains("for you"));
    assert!(templates.message("wake-up", "sms", &hostile).unwrap().ends_with(" <3"));
    assert!(templates.has("wake-up", "sms") && !templates.has("wake-up", "push"));
    assert!(templates.mail("other", "email", &hostile).unwrap_err().contains("other.email.liquid"));
}

#[test]
fn a_text_file_takes_the_place_of_the_generated_part() {
    let folder =
        folder(&[("a.email.liquid", "subject: s\n---\n<p>html"), ("a.email.text.liquid", "own {{ x }}")]);
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    assert_eq!(templates.mail("a", "email", &values(json!({"x": "<"}))).unwrap().text, "own <");
}

#[test]
fn a_message_is_short() {
    let folder = folder(&[("a.sms.liquid", "{{ x }}")]);
    let (templates, _) = Templates::load(folder.path());
    let error = templates.message("a", "sms", &values(json!({"x": "x".repeat(3000)}))).unwrap_err();
    assert!(error.contains("a.sms.liquid") && error.contains("longer than 2048 bytes"), "{error}");
}

#[test]
fn unknown_values_are_reported_with_file_line_and_what_was_meant() {
    let folder = folder(&[
        ("a.email.liquid", "subject: {{ custmer.name }}\n---\n<p>\n{{ coupon.cod }}{{ shop.phone }}"),
        ("b.sms.liquid", "{{ elsewhere.entirely }}"),
        ("c.sms.liquid", "{{ coupon.name }}{{ unsubscribe_url }}"),
    ]);
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let known = ["customer.name", "coupon.code", "shop.*", "unsubscribe_url"];
    let known: BTreeSet<String> = known.map(str::to_owned).into();
    let found: Vec<(String, usize, String)> = templates
        .check(|channel| Known { channel, values: &known, unsubscribes: channel != "sms" })
        .into_iter()
        .map(|e| (e.file.file_name().unwrap().to_str().unwrap().to_owned(), e.line, e.help.unwrap()))
        .collect();
    let want = [
        ("a.email.liquid", 1, "`customer.name` is probably meant"),
        ("a.email.liquid", 4, "`coupon.code` is probably meant"),
        ("b.sms.liquid", 1, "known are customer.name, unsubscribe_url, shop.*, coupon.code"),
        (
            "c.sms.liquid",
            1,
            "only coupon providers are told the coupon's name; messages can show its label, `coupon.label`",
        ),
        (
            "c.sms.liquid",
            1,
            "messages of `sms` have none: show it only `{% if unsubscribe_url %}`; a channel of `kind: smtp` can have `unsubscribe:`",
        ),
    ];
    assert_eq!(found, want.map(|(f, l, h)| (f.to_owned(), l, h.to_owned())));
    // Of many the nearest few.
    let many = (0..40).map(|n| format!("customer.number_{n:02}")).chain(known.clone()).collect();
    let found: Vec<String> = templates
        .check(|channel| Known { channel, values: &many, unsubscribes: true })
        .into_iter()
        .filter_map(|e| e.help)
        .collect();
    assert_eq!(found[1], "`coupon.code` is probably meant");
    let few = found[2].strip_prefix("known are ").unwrap().strip_suffix(" and 38 more").unwrap();
    assert_eq!(few.split(", ").count(), 6);
}

#[test]
fn files_that_are_no_templates_are_reported() {
    let long = "x".repeat(300 * 1024);
    let folder = folder(&[
        ("a.email.liquid", "<p>no subject"),
        ("b.email.liquid", "subject: s\nfrom: me\n---\n"),
        ("c.sms.liquid", &long),
        ("d.liquid", ""),
        ("e.email.text.liquid", ""),
        ("ignored.txt", ""),
    ]);
    let (_, errors) = Templates::load(folder.path());
    let told: Vec<&str> = errors.iter().map(|e| e.message.as_str()).collect();
    let parts = ["no subject", "no `from`", "307200 bytes", "name does not say", "not there"];
    assert_eq!(told.len(), parts.len(), "{told:?}");
    assert!(told.iter().zip(parts).all(|(t, p)| t.contains(p)), "{told:?}");
}

#[test]
fn html_that_is_nested_without_end_is_refused() {
    let folder =
        folder(&[("a.email.liquid", "subject: s\n---\n{% for i in (1..1000) %}<div><b>{% endfor %}")]);
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let error = templates.mail("a", "email", &values(json!({}))).unwrap_err();
    assert!(error.contains("inside one another"), "{error}");
}

const MJML: &str = "subject: Hi {{ customer.name }}\npreheader: {{ coupon.value }}\n---\n<mjml>\n<mj-body>\n\
    <mj-section><mj-column>\n<mj-text>Dear {{ customer.name | default: \"friend\" }}, \
    {% if customer.points > 10 and customer.points < 20 %}nearly{% endif %}</mj-text>\n\
    <mj-button href=\"{{ shop.url }}?a=1&amp;b={{ coupon.code | url_encode }}\">Go</mj-button>\n</mj-column></mj-section>\n\
    <mj-raw>{% if customer.vip %}</mj-raw>\n<mj-section><mj-column><mj-text>VIP</mj-text></mj-column></mj-section>\n\
    <mj-raw>{% endif %}</mj-raw>\n{% comment %} {{ no }} {% endcomment %}</mj-body></mjml>\n";

#[test]
fn mjml_becomes_a_mail_whose_values_are_escaped_as_in_any_other() {
    let folder = folder(&[("hi.email.mjml", MJML), ("hi.email.text.liquid", "own {{ customer.name }}")]);
    let (templates, errors) = Templates::load(folder.path());
    assert_eq!(errors, []);
    let mail = |customer: serde_json::Value| {
        let values = values(json!({"customer": customer, "coupon": {"code": "A&B", "value": "<20>"},
                                   "shop": {"url": "https://shop.example/"}}));
        templates.mail("hi", "email", &values).unwrap()
    };
    let made = mail(json!({"name": "<b onclick='x'>{{7*7}}\"", "points": 12}));
    assert_eq!(
        (made.subject.as_str(), made.text.as_str()),
        ("Hi <b onclick='x'>{{7*7}}\"", "own <b onclick='x'>{{7*7}}\"")
    );
    assert!(made.html.contains("Dear &lt;b onclick=&#39;x&#39;&gt;{{7*7}}&quot;, nearly"), "{}", made.html);
    assert!(made.html.contains("href=\"https://shop.example/?a=1&amp;b=A%26B\""), "{}", made.html);
    assert!(
        made.html.contains("&lt;20&gt;</div>")
            && !made.html.contains("VIP")
            && !made.html.contains("tidingsbrace")
    );
    assert!(!made.html.contains("fonts.googleapis.com"), "no mail fetches anything that nobody asked for");
    assert!(mail(json!({"vip": true})).html.contains("VIP"));
    assert!(mail(json!({"vip": true})).html.contains("Dear friend"));
}

#[test]
fn faults_in_mjml_have_their_place_and_unknown_values_too() {
    for (old, new, line, part) in [
        ("<mj-button", "<mj-buton", 8, "no element <mj-buton>"),
        ("<mj-section>", "<mj-sektion>", 6, ""),
        ("</mj-body>", "", 13, "ends before"),
        ("<mjml>", "<p>", 4, ""),
        ("<mj-raw>{% if", "<mj-include path=\"/etc/passwd\" /><mj-raw>{% if", 10, "included"),
        ("<mj-button ", "<mj-button {{ shop.url }} ", 8, "would be lost"),
        ("{% endif %}</mj-text>", "</mj-text>", 7, "never closed"),
        ("{{ shop.url }}", "{{ shop.url | fetch }}", 8, "no filter"),
    ] {
        assert!(MJML.contains(old), "{old}");
        let folder = folder(&[("hi.email.mjml", &MJML.replacen(old, new, 1))]);
        let (_, errors) = Templates::load(folder.path());
        assert_eq!(errors.len(), 1, "{new}: {errors:?}");
        assert!(errors[0].message.contains(part), "{new}: {errors:?}");
        assert_eq!(errors[0].line, line, "{new}: {errors:?}");
    }
    let folder = folder(&[("hi.email.mjml", MJML)]);
    let known = ["customer.name", "customer.points", "customer.vip", "coupon.*"].map(str::to_owned).into();
    let unknown = Templates::load(folder.path()).0.check(|channel| Known {
        channel,
        values: &known,
        unsubscribes: true,
    });
    assert_eq!(
        unknown.iter().map(|e| (e.line, e.message.as_str())).collect::<Vec<_>>(),
        [(8, "nothing is known as `shop.url`")]
    );
}

#[test]
fn mjml_that_is_nested_without_end_is_refused_and_long_mjml_is_read() {
    let deep = |n| {
        format!("subject: s\n---\n<mjml><mj-body><mj-raw>{}</mj-raw></mj-body></mjml>", "<div>".repeat(n))
    };
    let deep = |n: usize| deep(n).replace("</mj-raw>", &("</div>".repeat(n) + "</mj-raw>"));
    let errors = |text: &str| Templates::load(folder(&[("a.email.mjml", text)]).path()).1;
    assert_eq!(errors(&deep(40)), []);
    assert!(errors(&deep(20_000))[0].message.contains("too deep"));
    let many = format!(
        "subject: s\n---\n<mjml><mj-body><mj-raw>{}</mj-raw></mj-body></mjml>",
        "{{ a }}<br/>".repeat(15_000)
    );
    assert_eq!(errors(&many), []);
}

#[test]
fn one_mail_is_not_there_twice() {
    let folder = folder(&[("hi.email.mjml", MJML), ("hi.email.liquid", "subject: s\n---\n<p>")]);
    let (_, errors) = Templates::load(folder.path());
    assert!(errors.len() == 1 && errors[0].message.contains("hi.email.liquid"), "{errors:?}");
}
