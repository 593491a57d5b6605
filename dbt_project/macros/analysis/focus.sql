{#- Dollars of picodollars, and millions of single ones (tokens, or picodollars per token as dollars per million): exact. -#}
{% macro focus_money(picousd) -%}
    cast(cast({{ picousd }} as decimal(38, 0)) * cast(0.000000000001 as decimal(12, 12)) as decimal(38, 12))
{%- endmacro %}
{% macro focus_millions(number) -%}
    cast(cast({{ number }} as decimal(32, 0)) * cast(0.000001 as decimal(6, 6)) as decimal(38, 6))
{%- endmacro %}

{#- The token kinds in the order they are told. -#}
{% macro focus_token_kinds() -%}
    {{ return(['uncached_input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output']) }}
{%- endmacro %}

{#- What a provider calls itself. -#}
{% macro focus_provider_name(provider) -%}
    case {{ provider }}
        when 'anthropic' then 'Anthropic'
        when 'openai' then 'OpenAI'
        when 'gemini' then 'Google'
        when 'xai' then 'xAI'
        when 'groq' then 'Groq'
        else {{ provider }}
    end
{%- endmacro %}

{#- A part of a name within an id: its own slashes and percent signs are told apart from the id's. -#}
{% macro focus_id_part(name) -%} replace(replace({{ name }}, '%', '%25'), '/', '%2F') {%- endmacro %}
