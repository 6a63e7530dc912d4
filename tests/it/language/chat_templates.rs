//! Chat templates in the forms that checkpoints publish them, and bad ones; what checkpoints say about generation.

use std::fs;
use std::path::Path;
use tempfile::TempDir;
use vedette::language::{ChatTemplate, Content, GenerationConfig, LanguageError, Message, Part};

/// The form of SmolVLM's and Idefics3's: a picture is written as `<image>`, a turn ends with `<end_of_utterance>`.
const SMOLVLM: &str = "<|im_start|>{% for message in messages %}{{message['role'] | capitalize}}{% if \
message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}{% for line in message['content'] %}{% if \
line['type'] == 'text' %}{{line['text']}}{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}\
<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// The form of SmolVLM2's: as SmolVLM's, with videos and a `namespace`.
const SMOLVLM2: &str = "{%- set seen = namespace(images=0) -%}\n<|im_start|>{% for message in messages %}{{ message['role'] \
| capitalize }}{% if message['content'][0]['type'] == 'image' %}{{':'}}{% else %}{{': '}}{% endif %}{% for line in \
message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}{% elif line['type'] == 'image' %}\
{%- set seen.images = seen.images + 1 %}{{ '<image>' }}{% elif line['type'] == 'video' %}{{ '<video>' }}{% endif %}\
{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}";

/// The form of Qwen2.5-VL's: content is a text or a list of parts.
const QWEN: &str = "{% set image_count = namespace(value=0) %}{% for message in messages %}{% if loop.first and \
message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>\
{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}{% for content in \
message['content'] %}{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}{% set \
image_count.value = image_count.value + 1 %}{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}\
<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}\
<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Plain ChatML, in blocks and lines, with Python's methods.
const CHATML: &str = "\
{%- if messages[0]['role'] == 'system' %}
    {%- set system = messages[0]['content'].strip() %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set system = none %}
    {%- set rest = messages %}
{%- endif %}
{{- bos_token }}
{%- if system is not none and system %}{{ '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}{% endif %}
{%- for message in rest %}
    {%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}
        {{- raise_exception('roles must alternate, found ' ~ message.role) }}
    {%- endif %}
    {%- if tools is defined %}{{ tools | tojson }}{% endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' + message['content'].split('</think>')[-1].lstrip() + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
";

fn checkpoint(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn of_jinja(source: &str) -> ChatTemplate {
    ChatTemplate::open(checkpoint(&[("chat_template.jinja", source)]).path()).unwrap()
}

fn refusal(files: &[(&str, &str)]) -> String {
    let folder = checkpoint(files);
    let template = ChatTemplate::open(folder.path());
    template.and_then(|template| template.render(&[Message::text("user", "hi")], true)).unwrap_err().to_string()
}

#[test]
fn smolvlm_writes_the_picture_before_the_question() {
    let asked = [Message::about_a_picture("Is the way clear?")];
    let expected = "<|im_start|>User:<image>Is the way clear?<end_of_utterance>\nAssistant:";
    assert_eq!(of_jinja(SMOLVLM).render(&asked, true).unwrap(), expected);
    assert_eq!(of_jinja(SMOLVLM2).render(&asked, true).unwrap(), expected);
    let words = [Message::parts("user", vec![Part::Text { text: "Hello".to_owned() }])];
    assert_eq!(of_jinja(SMOLVLM).render(&words, false).unwrap(), "<|im_start|>User: Hello<end_of_utterance>\n");
}

#[test]
fn qwen_takes_texts_and_parts() {
    let turns = [Message::text("system", "Be brief."), Message::about_a_picture("What is ahead?")];
    let vision = "<|vision_start|><|image_pad|><|vision_end|>";
    assert_eq!(
        of_jinja(QWEN).render(&turns, true).unwrap(),
        format!(
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{vision}What is ahead?<|im_end|>\n\
             <|im_start|>assistant\n"
        )
    );
    let rendered = of_jinja(QWEN).render(&turns[1..], false).unwrap();
    assert!(rendered.starts_with("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"), "{rendered}");
}

#[test]
fn chatml_uses_blocks_slices_and_methods_of_python() {
    let config = r#"{"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>"}"#;
    let folder = checkpoint(&[("chat_template.jinja", CHATML), ("tokenizer_config.json", config)]);
    let template = ChatTemplate::open(folder.path()).unwrap();
    let turns = [
        Message::text("system", "  Be brief.\n"),
        Message::text("user", "Hi"),
        Message::text("assistant", "<think>hm</think> Hello"),
        Message::text("user", "Bye"),
    ];
    assert_eq!(
        template.render(&turns, true).unwrap(),
        "<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n\
         <|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"
    );
    let refused = template.render(&[turns[2].clone()], true).unwrap_err().to_string();
    assert!(refused.contains("roles must alternate, found assistant"), "{refused}");
}

#[test]
fn tojson_and_items_write_as_python_does() {
    let source = "{% for key, value in messages[0].items() %}{{ key }}={{ value | tojson }};{% endfor %}\
                  {{ messages[0] | tojson(indent=2) }}";
    let turn = [Message::parts("user", vec![Part::Image, Part::Text { text: "<é> \"1\"".to_owned() }])];
    let rendered = of_jinja(source).render(&turn, false).unwrap();
    let expected = "role=\"user\";content=[{\"type\": \"image\"}, {\"type\": \"text\", \"text\": \"<é> \\\"1\\\"\"}];{\n  \"role\"";
    assert!(rendered.starts_with(expected), "{rendered}");
}

#[test]
fn the_template_is_found_in_each_of_the_published_places() {
    let named =
        r#"{"chat_template": [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "list"}]}"#;
    let plain = r#"{"chat_template": "config"}"#;
    let own = r#"{"chat_template": "own"}"#;
    for (files, expected) in [
        (&[("tokenizer_config.json", plain)][..], "config"),
        (&[("tokenizer_config.json", named)], "list"),
        (&[("tokenizer_config.json", plain), ("chat_template.json", own)], "own"),
        (&[("tokenizer_config.json", plain), ("chat_template.json", own), ("chat_template.jinja", "jinja\n")], "jinja"),
    ] {
        let template = ChatTemplate::open(checkpoint(files).path()).unwrap();
        assert_eq!(template.render(&[], false).unwrap(), expected);
    }
}

#[test]
fn what_is_wrong_with_a_template_is_said() {
    let jinja = |source| [("chat_template.jinja", source)];
    for (files, reason) in [
        (&jinja("{% for %}")[..], "chat_template.jinja is not a chat template"),
        (&jinja("{{ strftime_now('%d') }}"), "today's date (strftime_now), which is not given"),
        (&jinja("{{ raise_exception('no system turn') }}"), "does not render: no system turn (line 1)"),
        (&jinja("{{ messages[0].content.frobnicate() }}"), "frobnicate"),
        (&jinja("{% for i in range(9999) %}{% for j in range(9999) %}{{ i * j }}{% endfor %}{% endfor %}"), "fuel"),
        (&jinja("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), "recursion"),
        (&jinja("{{ nothing.at.all }}"), "undefined"),
        (&[("tokenizer_config.json", "{\"chat_template\": 3}")], "chat_template is 3, expected a text, or a list"),
        (&[("tokenizer_config.json", "{\"chat_template\": [{\"name\": \"rag\"}]}")], "one named default"),
        (&[("tokenizer_config.json", "{")], "is not a JSON file"),
        (&[("tokenizer_config.json", "{}")], "no chat template in"),
    ] {
        let message = refusal(files);
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}

#[test]
fn text_content_stays_a_text() {
    assert_eq!(Message::text("user", "a").content, Content::Text("a".to_owned()));
    let rendered = of_jinja("{{ messages[0].content is string }}{{ messages[1].content is string }}");
    let turns = [Message::text("user", "a"), Message::about_a_picture("b")];
    assert_eq!(rendered.render(&turns, false).unwrap().to_lowercase(), "truefalse");
}

fn generation(files: &[(&str, &str)]) -> Result<GenerationConfig, LanguageError> {
    GenerationConfig::open(checkpoint(files).path())
}

#[test]
fn a_checkpoint_says_how_its_answers_end() {
    let florence = r#"{"bos_token_id": 0, "decoder_start_token_id": 2, "eos_token_id": 2, "forced_bos_token_id": 0,
        "no_repeat_ngram_size": 3, "num_beams": 3, "pad_token_id": 1}"#;
    let config = generation(&[("generation_config.json", florence)]).unwrap();
    assert_eq!((config.decoder_start, config.forced_bos, config.no_repeat_ngram), (Some(2), Some(0), 3));
    assert_eq!((config.eos.as_slice(), config.bos, config.pad), (&[2][..], Some(0), Some(1)));
    assert_eq!(config.repetition_penalty, 1.0);

    let qwen = r#"{"eos_token_id": [151645, 151643], "repetition_penalty": 1.05, "bad_words_ids": [[7], [1, 2]]}"#;
    let own = r#"{"pad_token_id": null, "no_repeat_ngram_size": 9, "text_config": {"pad_token_id": 5}}"#;
    let config = generation(&[("generation_config.json", qwen), ("config.json", own)]).unwrap();
    assert_eq!((config.eos, config.pad, config.no_repeat_ngram), (vec![151_645, 151_643], Some(5), 0));
    assert_eq!((config.repetition_penalty, config.suppressed), (1.05, vec![7]));

    assert_eq!(generation(&[("config.json", own)]).unwrap().no_repeat_ngram, 9);
    assert_eq!(generation(&[]).unwrap().eos, Vec::<u32>::new());
}

#[test]
fn a_generation_config_with_other_types_is_refused_by_key() {
    for (content, part) in [
        (r#"{"eos_token_id": "two"}"#, "eos_token_id is \"two\", expected a token id or a list of them"),
        (r#"{"eos_token_id": [1, -2]}"#, "eos_token_id is [1,-2]"),
        (r#"{"pad_token_id": 5000000000}"#, "pad_token_id is 5000000000"),
        (r#"{"no_repeat_ngram_size": 1.5}"#, "no_repeat_ngram_size is 1.5, expected a count"),
        (r#"{"repetition_penalty": 0}"#, "repetition_penalty is 0, expected a number above 0"),
        (r#"{"bad_words_ids": 3}"#, "bad_words_ids is 3, expected a list of lists of token ids"),
        ("[", "is not a JSON file"),
    ] {
        let message = generation(&[("generation_config.json", content)]).unwrap_err().to_string();
        assert!(message.contains(part) && message.contains("generation_config.json"), "{message}");
    }
    assert!(ChatTemplate::open(Path::new("/nowhere")).is_err());
}
