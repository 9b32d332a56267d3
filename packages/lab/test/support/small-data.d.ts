import type { DataSource } from '@tempered/node'
/** A data set of blank images: 10 a class, `side`×`side`. */
export declare function createDataset(classes: number, side: number): DataSource['train']
export declare const planData: DataSource
//# sourceMappingURL=small-data.d.ts.map
