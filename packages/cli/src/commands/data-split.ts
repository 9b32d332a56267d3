export async function dataSplit(_source: string, _options: object): Promise<void> {}
