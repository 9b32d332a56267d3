export async function dataFetch(_name: string | undefined, _options: object): Promise<void> {}
