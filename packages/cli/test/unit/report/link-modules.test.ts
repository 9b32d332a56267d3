import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { linkModules } from '../../../src/report/link-modules.js'

const linked = (files: Record<string, string>): string =>
  linkModules('main.js', (path) => {
    const source = files[path]
    if (source === undefined) throw new Error(`no ${path}`)
    return source
  })

describe('linkModules', () => {
  it('makes one script, each module once, with names of its own', () => {
    const script = linked({
      'main.js':
        "import { double } from './a.js';\nimport { one,\n two } from './sub/b.js';\nseen.push(double(one), two());",
      'a.js':
        "import { one } from './sub/b.js';\nconst own = 2;\nexport function double(x) {\n  return own * x * one;\n}",
      'sub/b.js':
        'seen.push("b");\nconst own = 5;\nexport const one = 1;\nexport async function later() {}\nexport function two() {\n  return own;\n}\n//# sourceMappingURL=b.js.map',
    })
    const seen: unknown[] = []
    runInNewContext(script, { seen })
    expect(seen).toEqual(['b', 2, 5])
    expect(script).not.toContain('sourceMappingURL')
  })

  it('refuses what it would get wrong', () => {
    const bad = (source: string) => () => linked({ 'main.js': source, 'a.js': 'export const a = 1;' })
    expect(bad("import a from './a.js';")).toThrow(/cannot be linked/)
    expect(bad("import * as a from './a.js';")).toThrow(/cannot be linked/)
    expect(bad("import { a as b } from './a.js';")).toThrow(/another name/)
    expect(bad("import { a } from 'echarts';")).toThrow(/cannot be linked/)
    expect(bad('export default 1;')).toThrow(/cannot be linked/)
    expect(() => linked({ 'main.js': "import { x } from './main.js';" })).toThrow(/imports itself/)
  })
})
