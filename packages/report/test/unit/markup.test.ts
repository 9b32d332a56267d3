import { describe, expect, it } from 'vitest'
import { markdownText } from '../../src/markdown.js'
import { html, jsonForScript } from '../../src/markup.js'

const HOSTILE = `</script><img src=x onerror="alert('1')">&`

describe('html', () => {
  it('escapes whatever is put in, in text and in attributes', () => {
    const { markup } = html`<p title="${HOSTILE}">${[HOSTILE, 1, null]}</p>`
    const escaped = '&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;'
    expect(markup).toBe(`<p title="${escaped}">${escaped}1</p>`)
  })

  it('takes markup as it is', () => {
    expect(html`<ul>${['a', 'b<'].map((text) => html`<li>${text}</li>`)}</ul>`.markup).toBe(
      '<ul><li>a</li><li>b&lt;</li></ul>',
    )
  })
})

describe('jsonForScript', () => {
  it('holds nothing that ends a script, and is the same value', () => {
    const value = { [HOSTILE]: [`<!--${HOSTILE}`, '\u2028\u2029', 1.5, null] }
    const { markup } = jsonForScript(value)
    expect(markup).not.toMatch(/[<\u2028\u2029]/)
    expect(JSON.parse(markup)).toEqual(value)
  })
})

describe('markdownText', () => {
  it('stays text in a table cell', () => {
    expect(markdownText('a|b\n<i>*x*</i> `y` [z](u)')).toBe('a\\|b \\<i\\>\\*x\\*\\</i\\> \\`y\\` \\[z\\](u)')
  })
})
